# The root file of a package: whom its installs trust first.
#
#   cmake -B build -DSTOPGAP_ROOT=/path/to/root -DSTOPGAP_ROOT_SHA256=HASH
#
# Only the file whose hash the packager pinned is taken, and none of a laboratory: installs would refuse
# all production sets. `cmake -D... -P conf/packaged-root.cmake` does the same checks alone.
file(SHA256 "${STOPGAP_ROOT}" hash)
if(NOT hash STREQUAL "${STOPGAP_ROOT_SHA256}")
  message(FATAL_ERROR "E_ROOT_HASH: ${STOPGAP_ROOT} has the SHA-256 ${hash}, and STOPGAP_ROOT_SHA256 says "
                      "'${STOPGAP_ROOT_SHA256}': compare with what the publisher printed")
endif()
file(STRINGS "${STOPGAP_ROOT}" usage REGEX "^usage " LIMIT_INPUT 65536)
if(NOT usage STREQUAL "usage production")
  message(FATAL_ERROR "E_ROOT_TEST: ${STOPGAP_ROOT} says '${usage}', which installs refuse")
endif()
