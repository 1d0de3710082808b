# Writes the rows of IN, tab-separated, into OUT as the C table of table.h. Their order is kept.
cmake_policy(SET CMP0007 NEW) # an article that is not known is an empty cell
file(STRINGS ${IN} lines)
list(POP_FRONT lines) # the names of the columns
set(words_yes "FEED_WORKS")
set(words_no "FEED_STOPPED")
set(words_na "FEED_NEVER")
set(table "")
list(LENGTH lines n)
foreach(line IN LISTS lines)
  string(REPLACE "\t" ";" cells "${line};")
  list(GET cells 0 build)
  list(GET cells 1 product)
  list(GET cells 2 label)
  list(GET cells 3 date)
  list(GET cells 4 feed)
  list(GET cells 5 support)
  list(GET cells 6 feed_2026)
  list(GET cells 7 kb)
  string(REPLACE "." ", " parts ${build})
  string(APPEND table "    {{{${parts}}}, \"${product}\", \"${label}\", \"${date}\", \"${support}\", "
    "\"${kb}\", ${words_${feed}}, ${words_${feed_2026}}},\n")
endforeach()
file(WRITE ${OUT} "#include \"${CMAKE_CURRENT_LIST_DIR}/table.h\"\n\n"
  "const struct build_info build_table[] = {\n${table}};\nconst size_t n_build_table = ${n};\n")
