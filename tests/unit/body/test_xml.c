/* Elements, attributes and texts of XML documents. */
#include "body_test.h"

#include "body/xml.h"

#include <libxml/parser.h>
#include <time.h>
#include <unistd.h>

#include "stopgap/banned.h"

enum { AS_TEXT = BODY_ALL_KINDS & ~(1 << BODY_XML_BASE64) }; /* test_packed.c has the rest */

static void read_xml(struct slice text, bool is_cut, struct body_values *values)
{
    xml_read(text, false, is_cut, values);
}

static const struct xml_case {
    const char *name;
    const char *text;
    const char *expected;
    uint32_t anomalies;
} cases[] = {
    {"elements, attributes and texts", "<a><b k='1'>x</b></a>",
     "element=a|element=b|attribute=k|attr k=1|text b=x|", 0},
    {"names are local", "<s:a xmlns:s='u' s:k='1'/>", "element=a|attribute=k|attr k=1|text a=|", 0},
    {"a prefix that nobody declared", "<s:a><t:b/></s:a>", "element=a|element=b|text b=|", 0},
    {"references are resolved", "<a k='&#46;&amp;'>&#x41;&lt;</a>",
     "element=a|attribute=k|attr k=.&|text a=A<|", 0},
    {"comments, sections and instructions do not split a text",
     "<a>x<!-- c --><![CDATA[y<]]><?p i?>z</a>", "element=a|text a=xy<z|", 0},
    {"the text of a parent goes on behind a child", "<a>x<b>1</b>y</a>",
     "element=a|element=b|text b=1|text a=xy|", 0},
    {"layout is no text", "<a>\n  <b/>\n</a>", "element=a|element=b|text b=|", 0},
    {"blank text of a leaf counts", "<a> </a>", "element=a|text a= |", 0},
    {"entities are not expanded", "<!DOCTYPE a [<!ENTITY e 'x'>]><a>1&e;2</a>",
     "element=a|text a=12|", BODY_XML_DTD | BODY_XML_INVALID},
    {"declared attributes are not added", "<!DOCTYPE a [<!ATTLIST a k CDATA 'x'>]><a j='1'/>",
     "element=a|attribute=j|attr j=1|text a=|", BODY_XML_DTD},
    {"an outer document type", "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", "element=a|text a=|",
     BODY_XML_DTD},
    {"read on behind an error", "<a><b></c><d>1</d></a>",
     "element=a|element=b|text b=|element=d|text d=1|", BODY_XML_INVALID},
    {"no end", "<a><b>12", "element=a|element=b|text b=12|", BODY_XML_INVALID},
    {"no XML", "hello", "", BODY_XML_INVALID},
    {"a declared single-byte encoding", "<?xml version='1.0' encoding='windows-1252'?><a>\xe9</a>",
     "element=a|text a=\xc3\xa9|", 0},
};

static void test_xml_shows_names_and_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct body_test test;
        body_test_init(&test);
        test.values.kinds = AS_TEXT;
        xml_read(slice_str(cases[i].text), false, false, &test.values);
        if (strcmp(body_test_text(&test), cases[i].expected) != 0)
            fail_msg("%s: %s", cases[i].name, body_test_text(&test));
        if (test.values.anomalies != cases[i].anomalies)
            fail_msg("%s: anomalies %x", cases[i].name, test.values.anomalies);
        body_test_done(&test);
    }
}

static void test_xml_cut_at_any_byte_shows_a_beginning(void **state)
{
    (void)state;
    body_test_cut_everywhere(
        SLICE("<?xml version='1.0'?><s:Envelope xmlns:s='u'><s:Body><m:InstallApp k='1'>"
              "<m:ManifestUrl>http://a.example/&#65;b<![CDATA[cd]]></m:ManifestUrl>"
              "</m:InstallApp></s:Body></s:Envelope>"),
        read_xml);
}

static void test_xml_that_is_cut_is_not_invalid(void **state)
{
    (void)state;
    struct body_test test;
    body_test_init(&test);
    test.values.kinds = AS_TEXT;
    xml_read(SLICE("<a><b>12"), false, true, &test.values);
    assert_string_equal(body_test_text(&test), "element=a|element=b|text b=12|");
    assert_int_equal(test.values.anomalies, 0);
    body_test_done(&test);
}

static void test_xml_made_utf8_ignores_its_declaration(void **state)
{
    (void)state;
    struct body_test test;
    body_test_init(&test);
    xml_read(SLICE("<?xml version='1.0' encoding='utf-16'?><a>x</a>"), true, false, &test.values);
    assert_string_equal(body_test_text(&test), "element=a|text a=x|");
    assert_int_equal(test.values.anomalies, 0);
    body_test_done(&test);
}

static void test_xml_made_to_hurt_stays_in_its_bounds(void **state)
{
    (void)state;
    static const char *const units[] = {"<a>",     "<a/>",      "<a k='1'>",
                                        "<!--",    "<![CDATA[", "&#65;",
                                        "<a:b:c>", "<a>&lt;x",  "<!DOCTYPE a ["};
    char *window = malloc(LIMIT_BODY_WINDOW);
    assert_non_null(window);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        struct body_test test;
        size_t len = strlen(units[i]);
        for (size_t at = 0; at < LIMIT_BODY_WINDOW; at++)
            window[at] = at < 3 ? "<a>"[at] : units[i][(at - 3) % len];
        body_test_init(&test);
        xml_read(slice_make(window, LIMIT_BODY_WINDOW), false, true, &test.values);
        assert_false(test.values.is_out_of_memory);
        assert_true(test.values.n <= LIMIT_BODY_VALUES);
        body_test_done(&test);
    }
    free(window);
}

/* Ten entities of ten references each would be 10^10 texts. */
static void test_xml_of_nested_entities_costs_nothing(void **state)
{
    (void)state;
    char text[4096];
    size_t len = (size_t)snprintf(text, sizeof(text), "<!DOCTYPE a [<!ENTITY e0 'x'>");
    for (int i = 1; i <= 10; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "<!ENTITY e%d '", i);
        for (int n = 0; n < 10; n++)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "&e%d;", i - 1);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "'>");
    }
    (void)snprintf(text + len, sizeof(text) - len, "]><a k='&e10;'>&e10;</a>");
    struct body_test test;
    body_test_init(&test);
    xml_read(slice_str(text), false, false, &test.values);
    assert_true((test.values.anomalies & BODY_XML_DTD) != 0);
    assert_true(strlen(body_test_text(&test)) < 200);
    body_test_done(&test);
}

/* Half a character in an encoding that is converted: libxml2 tells the thread, not the parser. */
static void test_xml_that_cannot_be_converted_prints_nothing(void **state)
{
    (void)state;
    struct body_test test;
    body_test_init(&test);
    (void)fflush(stderr);
    int saved = dup(STDERR_FILENO);
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
    xml_read(SLICE("<?xml version='1.0' encoding='EUC-JP'?><a>\xff\xff</a>"), false, false,
             &test.values);
    (void)fflush(stderr);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    (void)close(saved);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    assert_int_equal(ftell(file), 0);
    (void)fclose(file);
    body_test_done(&test);
}

struct declared {
    const char *begin, *before, *behind, *end; /* a number stands between before and behind */
};

/* A document type with n declarations, then elements; returns the CPU seconds that it took. */
static double read_declared(const struct declared *type, int n, struct body_test *test)
{
    struct timespec start;
    struct timespec stop;
    char *text = malloc(LIMIT_BODY_WINDOW);
    assert_non_null(text);
    size_t len = (size_t)snprintf(text, LIMIT_BODY_WINDOW, "<!DOCTYPE a [%s", type->begin);
    for (int i = 0; i < n && len + 40 < LIMIT_BODY_WINDOW; i++)
        len += (size_t)snprintf(text + len, LIMIT_BODY_WINDOW - len, "%s%x%s", type->before, i,
                                type->behind);
    len += (size_t)snprintf(text + len, LIMIT_BODY_WINDOW - len, "%s]><b>", type->end);
    while (len + 5 < LIMIT_BODY_WINDOW)
        len += (size_t)snprintf(text + len, LIMIT_BODY_WINDOW - len, "<a/>");
    body_test_init(test);
    test->values.kinds = 1u << BODY_XML_TEXT;
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start), 0);
    xml_read(slice_make(text, len), false, true, &test->values);
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &stop), 0);
    free(text);
    return (double)(stop.tv_sec - start.tv_sec) + (double)(stop.tv_nsec - start.tv_nsec) * 1e-9;
}

/* libxml2 compares each name with all before it: 64 KiB took 12 s, and 110 ms when declared values
 * are not added. */
static void test_xml_with_a_long_document_type_costs_nothing(void **state)
{
    (void)state;
    static const struct declared types[] = {
        {"<!ATTLIST a ", " a", " CDATA ''", ">"},
        {"<!ATTLIST a b (", "a", "|", "z) ''>"},
        {"<!ATTLIST a b NOTATION (", "a", "|", "z) ''>"},
        {"", "<!ENTITY a", " ''>", ""},
        {"<!ELEMENT a (", "a", "|", "z)>"},
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct body_test test;
        assert_true(read_declared(&types[i], 100000, &test) < 0.05);
        assert_int_equal(test.values.n, 0);
        assert_int_equal(test.values.anomalies, BODY_XML_DTD | BODY_XML_INVALID);
        body_test_done(&test);
        assert_true(read_declared(&types[i], 100, &test) < 1);
        assert_int_equal(test.values.n, LIMIT_BODY_VALUES);
        assert_true((test.values.anomalies & BODY_XML_DTD) != 0);
        body_test_done(&test);
    }
}

static void test_xml_that_is_cut_inside_a_document_type_has_one(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t anomalies;
    } rows[] = {
        {"<!DOCTYPE a [<!ENTITY b 'k'", BODY_XML_DTD},
        {"<?xml version='1.0'?><!-- k --><!DOCTYPE a SYSTEM 'kkkk", BODY_XML_DTD},
        {"<a><![CDATA[<!DOCTYPE html", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct body_test test;
        body_test_init(&test);
        xml_read(slice_str(rows[i].text), false, true, &test.values);
        assert_int_equal(test.values.anomalies & BODY_XML_DTD, rows[i].anomalies);
        body_test_done(&test);
    }
}

/* Depth, number and an encoding hid what came behind. */
static void test_xml_shows_what_stands_behind_a_crowd(void **state)
{
    (void)state;
    static const struct {
        const char *unit, *back;
        int n;
    } crowds[] = {{"<k>", "</k>", 300}, {"<k>", "</k>", 5000}, {"<k/>", "", 8100}};
    for (size_t i = 0; i < sizeof(crowds) / sizeof(crowds[0]); i++) {
        struct body_test test;
        char *text = malloc(2 * LIMIT_BODY_WINDOW);
        assert_non_null(text);
        size_t len = (size_t)snprintf(text, 64, "<a>");
        for (int n = 0; n < crowds[i].n; n++)
            len += (size_t)snprintf(text + len, 64, "%s", crowds[i].unit);
        for (int n = 0; n < crowds[i].n; n++)
            len += (size_t)snprintf(text + len, 64, "%s", crowds[i].back);
        (void)snprintf(text + len, 64, "<last/></a>");
        body_test_init(&test);
        test.values.kinds = 1u << BODY_XML_ELEMENT;
        xml_read(slice_str(text), false, false, &test.values);
        const struct body_value *last = &test.values.last->values[test.values.last->n - 1];
        assert_true(slice_equal(last->value[VIEW_RAW], SLICE("last")));
        body_test_done(&test);
        free(text);
    }
    struct body_test test;
    body_test_init(&test);
    xml_read(SLICE("<?xml version='1.0' encoding='x-k'?><a>k</a>"), false, false, &test.values);
    assert_non_null(strstr(body_test_text(&test), "element=a|"));
    body_test_done(&test);
}

/* What the heap does not hold is malloc's, and all of it is given back: LeakSanitizer looks. */
static void test_xml_that_needs_more_than_its_heap_is_read_whole(void **state)
{
    (void)state;
    enum { N = 4000 };
    struct body_test test;
    char *text = malloc(LIMIT_BODY_WINDOW);
    assert_non_null(text);
    size_t len = 0;
    for (int i = 0; i < N; i++) /* each name is kept, and each attribute that is open */
        len += (size_t)snprintf(text + len, LIMIT_BODY_WINDOW - len, "<k%x l='&b;'>", i);
    body_test_init(&test);
    xml_read(slice_make(text, len), false, true, &test.values);
    assert_false(test.values.is_out_of_memory);
    assert_int_equal(test.values.n, LIMIT_BODY_VALUES);
    body_test_done(&test);
    free(text);
}

/* libxml2 keeps the last error of a thread; what it says of a document does not outlive it. */
static void test_xml_of_a_body_and_of_a_file_share_a_thread(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct body_test test;
        xmlDoc *doc =
            xmlReadMemory("<a><b></a>", 10, "file", NULL, XML_PARSE_RECOVER | XML_PARSE_NOERROR);
        assert_non_null(doc);
        assert_non_null(xmlGetLastError());
        body_test_init(&test);
        xml_read(SLICE("<a b='c'>d</k>&e;"), false, false, &test.values);
        assert_null(xmlGetLastError());
        body_test_done(&test);
        xmlFreeDoc(doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_xml_shows_names_and_values),
        cmocka_unit_test(test_xml_cut_at_any_byte_shows_a_beginning),
        cmocka_unit_test(test_xml_that_is_cut_is_not_invalid),
        cmocka_unit_test(test_xml_made_utf8_ignores_its_declaration),
        cmocka_unit_test(test_xml_made_to_hurt_stays_in_its_bounds),
        cmocka_unit_test(test_xml_of_nested_entities_costs_nothing),
        cmocka_unit_test(test_xml_that_cannot_be_converted_prints_nothing),
        cmocka_unit_test(test_xml_with_a_long_document_type_costs_nothing),
        cmocka_unit_test(test_xml_that_is_cut_inside_a_document_type_has_one),
        cmocka_unit_test(test_xml_shows_what_stands_behind_a_crowd),
        cmocka_unit_test(test_xml_that_needs_more_than_its_heap_is_read_whole),
        cmocka_unit_test(test_xml_of_a_body_and_of_a_file_share_a_thread),
    };
    xml_init();
    return cmocka_run_group_tests_name("body/xml", tests, NULL, NULL);
}
