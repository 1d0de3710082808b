/* Which reader sees a body, and with which boundaries. */
#include "body_test.h"

#include "body/read.h"
#include "stopgap/request.h"

#include "stopgap/banned.h"

enum { MAX_FIELDS = 3 };

static const struct type_case {
    const char *fields[MAX_FIELDS]; /* of Content-Type; NULL: no more */
    const char *boundaries;         /* each with a bar behind it */
} types[] = {
    {{"multipart/form-data; boundary=K"}, "K|"},
    {{"multipart/form-data; boundary=\"K\""}, "K|"},
    {{"multipart/form-data; BOUNDARY = K"}, "K|"},
    {{"multipart/form-data, boundary=K"}, "K|"},
    {{"multipart/form-data boundary=K"}, "K|"},
    {{"multipart/form-data;\tboundary=K"}, "K|"},
    {{"multipart/form-data;boundary=K;charset=utf-8"}, "K|K;charset=utf-8|"},
    {{"multipart/form-data; boundary=K; charset=utf-8"}, "K|K;|"},
    {{"multipart/form-data; boundary=K,L"}, "K|K,L|"},
    {{"multipart/form-data; boundary=K L"}, "K|K L|"},
    {{"multipart/form-data; boundary=\" K \""}, " K |K|"},
    {{"multipart/form-data; boundary=K; boundary=\"L\""}, "K|K;|L|"},
    {{"multipart/form-data; boundary=K", "multipart/form-data; boundary=L"}, "K|L|"},
    {{"text/plain; boundary=K", "multipart/form-data"}, "K|"},
    {{"multipart/form-data; xboundary=K; boundary"}, ""},
    {{"multipart/form-data; boundary="}, ""},
    {{"multipart/form-data; boundary=\"K"}, "K|"},
    {{"multipart/form-data; boundary=A; boundary=B; boundary=C; boundary=D"}, "A|A;|B|B;|"},
};

static void test_every_boundary_that_a_server_may_take_is_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct header_field fields[MAX_FIELDS];
        struct request_head head = {.fields = fields};
        struct body_type type;
        char text[200] = "";
        size_t len = 0;
        for (size_t k = 0; k < MAX_FIELDS && types[i].fields[k] != NULL; k++)
            fields[head.n_fields++] = (struct header_field){.name = SLICE("content-type"),
                                                            .value = slice_str(types[i].fields[k])};
        print_message("  %s\n", types[i].fields[0]);
        body_type_read(&head, &type);
        assert_true(type.is_multipart);
        for (size_t k = 0; k < type.n_boundaries; k++)
            len += (size_t)snprintf(text + len, sizeof(text) - len, SLICE_FMT "|",
                                    SLICE_ARG(type.boundaries[k]));
        assert_string_equal(text, types[i].boundaries);
    }
}

#define PART(boundary, name)                                                                       \
    "--" boundary "\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n1\r\n--" boundary  \
    "--\r\n"

static const struct read_case {
    const char *name, *type, *text, *expected;
    uint32_t anomalies;
} reads[] = {
    {"one boundary", "multipart/form-data; boundary=K", PART("K", "a"), "name=a|part a=1|", 0},
    {"one of two that are possible", "multipart/form-data; boundary=K; charset=utf-8",
     PART("K", "a"), "name=a|part a=1|", 0},
    {"the other one", "multipart/form-data; boundary=K; boundary=L", "x\r\n" PART("L", "a"),
     "name=a|part a=1|", BODY_MULTIPART_LOOSE},
    {"both", "multipart/form-data; boundary=K; boundary=L", PART("K", "a") PART("L", "b"),
     "name=a|part a=1|name=b|part b=1|", BODY_MULTIPART_LOOSE},
    {"none of them", "multipart/form-data; boundary=K", "x", "",
     BODY_MULTIPART_LOOSE | BODY_MULTIPART_INVALID},
    {"another one", "multipart/form-data; boundary=K", PART("L", "a"), "name=a|part a=1|",
     BODY_MULTIPART_LOOSE | BODY_MULTIPART_INVALID},
    {"none said", "multipart/form-data", PART("L", "a"), "name=a|part a=1|",
     BODY_MULTIPART_INVALID},
    {"no type of the kind", "text/plain; boundary=K", PART("L", "a"), "name=a|part a=1|", 0},
};

static void test_parts_are_found_with_any_of_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
        struct body_test test;
        struct body_type type;
        struct header_field field = {.name = SLICE("Content-Type"),
                                     .value = slice_str(reads[i].type)};
        struct request_head head = {.fields = &field, .n_fields = 1};
        body_test_init(&test);
        body_type_read(&head, &type);
        body_read(&type, slice_str(reads[i].text), false, false, &test.values);
        if (strcmp(body_test_text(&test), reads[i].expected) != 0)
            fail_msg("%s: %s", reads[i].name, body_test_text(&test));
        if (test.values.anomalies != reads[i].anomalies)
            fail_msg("%s: anomalies %x", reads[i].name, test.values.anomalies);
        body_test_done(&test);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_boundary_that_a_server_may_take_is_known),
        cmocka_unit_test(test_parts_are_found_with_any_of_them),
    };
    return cmocka_run_group_tests_name("readers of bodies", tests, NULL, NULL);
}
