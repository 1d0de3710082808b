/* Random rules and requests over a small alphabet, so that conditions are often almost true. */
#pragma once

#include "engine_test.h"
#include "stopgap/buf.h"

struct random {
    uint64_t state;
};

static inline uint32_t random_next(struct random *random)
{
    random->state = random->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random->state >> 33);
}

static inline const char *random_word(struct random *random, const char *const *words, size_t n)
{
    return words[random_next(random) % n];
}

#define PICK(random, words) random_word(random, words, sizeof(words) / sizeof((words)[0]))

static inline void random_values(struct random *random, struct buf *out, bool is_list)
{
    static const char *const values[] = {"a",   "ab",   "b",   "/owa",  "x",   "a/b",
                                         "A",   "k",    "1b",  "email", "aab", "x-a",
                                         "a?k", "/a?k", "k=a", "POST"};
    bool fits = true;
    if (!is_list)
        fits = buf_printf(out, "'%s'", PICK(random, values));
    else
        fits = buf_printf(out, "['%s', '%s']", PICK(random, values), PICK(random, values));
    assert_true(fits);
}

static inline const char *random_field(struct random *random)
{
    static const char *const fields[] = {"method",
                                         "target",
                                         "path",
                                         "query",
                                         "arg",
                                         "arg, name: k",
                                         "path",
                                         "arg_name",
                                         "header_name",
                                         "cookie",
                                         "header, name: X-A",
                                         "body",
                                         "json",
                                         "json, name: k",
                                         "json_key",
                                         "xml_element",
                                         "xml_attribute",
                                         "xml_text",
                                         "xml_text, name: a",
                                         "xml_attr, name: k",
                                         "xml_base64",
                                         "xml_base64, name: a",
                                         "multipart",
                                         "multipart, name: k",
                                         "multipart_name",
                                         "multipart_filename",
                                         "form_name",
                                         "cookie_name",
                                         "form",
                                         "host",
                                         "cookie, name: k",
                                         "vdir",
                                         "form, name: k",
                                         "arg, name: email",
                                         "header, name: Cookie",
                                         "iis_input, name: '{UrlDecode:{REQUEST_URI}}'",
                                         "iis_input, name: '{HTTP_COOKIE}{URL}'"};
    return PICK(random, fields);
}

/* One test: field, perhaps a name, an operator. */
static inline void random_test(struct random *random, struct buf *out)
{
    static const char *const regexes[] = {"a",
                                          "^a",
                                          "b$",
                                          "^ab$",
                                          "a.b",
                                          "[ab]x",
                                          "(?=.*a)(?=.*b)",
                                          "^[^a]",
                                          "\\bab\\b",
                                          "a(?!b)",
                                          "(?<=a)b",
                                          "(a|b)\\1",
                                          "a|x$",
                                          "^(?=.*x)a",
                                          "/owa/",
                                          "^/owa",
                                          "email?$",
                                          "x?/owa$",
                                          "(?i)EMAIL",
                                          "e\\x6dail",
                                          "\\x{65}mail",
                                          "emai[l]|/owa/",
                                          "^aabb*",
                                          "k=ab+",
                                          "k=ab{0,2}",
                                          "[ke]=(?:ab|a/b)",
                                          "(?=.*k=ab)(?=.*b=x)",
                                          "k=a\\.?b",
                                          "(?x)k=a b",
                                          "^(?:k=ab)?aab",
                                          "email(?!=)",
                                          "a++b",
                                          "[^ab]",
                                          "^/owa/.*a$",
                                          "(?i)AB",
                                          "a\\Sb",
                                          "\\w{2}$",
                                          "(?:ab){1,2}/",
                                          "a\\?k",
                                          "/ab\\x3Fk=",
                                          "owa[?]k",
                                          "/a.k=a",
                                          "^k=ab",
                                          "email=a/b$",
                                          "/owa$",
                                          "\\Bowa",
                                          "k=x$|/ecp"};
    static const char *const operators[] = {"contains", "equals", "starts_with", "ends_with",
                                            "regex",    "regex",  "one_of",      "exists"};
    const char *field = random_field(random);
    const char *op = PICK(random, operators);
    const char *negation = random_next(random) % 4 == 0 ? "not_" : "";
    if (strcmp(op, "exists") == 0) {
        assert_true(buf_printf(out, "{field: %s, exists: true}", field));
        return;
    }
    assert_true(buf_printf(out, "{field: %s, %s%s: ", field, negation, op));
    if (strcmp(op, "regex") == 0)
        assert_true(buf_printf(out, "'%s'", PICK(random, regexes)));
    else
        random_values(random, out, strcmp(op, "one_of") == 0);
    assert_true(buf_printf(out, random_next(random) % 5 == 0 ? ", case: sensitive}" : "}"));
}

static inline void random_node(struct random *random, struct buf *out, unsigned depth)
{
    static const char *const odd[] = {"{field: anomaly, equals: encoded_slash}",
                                      "{field: anomaly, not_equals: dot_segment}",
                                      "{field: client, in_cidr: [192.0.2.0/24]}",
                                      "{field: body_anomaly, equals: json_invalid}",
                                      "{field: body_anomaly, not_equals: xml_dtd}",
                                      "{field: client, not_in_cidr: [192.0.2.0/31]}"};
    static const char *const kinds[] = {"all", "any", "none", "all", "any"};
    uint32_t die = random_next(random) % 12;
    if (depth == 0 || die < 5) {
        random_test(random, out);
        return;
    }
    if (die == 5) {
        assert_true(buf_printf(out, "%s", PICK(random, odd)));
        return;
    }
    uint32_t n = 1 + random_next(random) % 3;
    assert_true(buf_printf(out, "{%s: [", PICK(random, kinds)));
    for (uint32_t i = 0; i < n; i++) {
        assert_true(buf_printf(out, "%s", i != 0 ? ", " : ""));
        random_node(random, out, depth - 1);
    }
    assert_true(buf_printf(out, "]}"));
}

/* A request put together from pieces; the texts live in out until it is cleared. */
static inline void random_target(struct random *random, struct buf *out)
{
    static const char *const paths[] = {"/owa", "/ecp",   "/a",  "/%6fwa", "/%2561b", "/..",
                                        "/",    "/a%2fb", "/ab", "/x",     "/.json",  "/A"};
    static const char *const args[] = {
        "k=ab",   "k=a%62", "email=a/b", "q=%2561b",    "k=", "ab", "k=a%0ab",
        "x-a=1b", "k=x",    "%6b=aab",   "Email=a%2fb", "b",  "k=A"};
    if (random_next(random) % 8 == 0)
        assert_true(
            buf_printf(out, "%s", random_next(random) % 2 == 0 ? "http://ab" : "https://x/a"));
    for (uint32_t i = 0; i <= random_next(random) % 3; i++)
        assert_true(buf_printf(out, "%s", PICK(random, paths)));
    uint32_t n = random_next(random) % 4;
    for (uint32_t i = 0; i < n; i++)
        assert_true(buf_printf(out, "%s%s", i == 0 ? "?" : "&", PICK(random, args)));
    assert_true(buf_append(out, slice_make("", 1)));
}

static inline void random_request(struct random *random, struct buf *out,
                                  struct test_request *ret_request)
{
    static const char *const methods[] = {"GET", "POST", "a"};
    static const char *const headers[] = {
        "X-A: a",  "X-A: ab",     "X-A: a%2fb",        "x-a: x",
        "X-B: ab", "Cookie: k=a", "Cookie: k=ab; b=x", "Cookie: email=a%2fb; K=1b",
        "X-A:",    "Email: ab",   "Cookie: k=%2561b",  "Content-Type: text/xml"};
    static const char *const bodies[] = {"k=ab",
                                         "k=a%62&b=x",
                                         "<a>ab</a>",
                                         "x",
                                         "k=A+B",
                                         "q=a%2fb",
                                         "aab",
                                         "k=%2561b",
                                         "{\"k\":\"a%62\",\"b\":[\"x\",\"1b\"]}",
                                         "<x k='ab'><a>a%2562</a>\naab<![CDATA[x]]></x>",
                                         "--K\r\nContent-Disposition: form-data; name=\"k\"; "
                                         "filename=\"a/b\"\r\n\r\na%62\r\n--K--",
                                         "{\"k\":\"ab\n"};
    static const char *const clients[] = {"192.0.2.1", "192.0.2.200", "2001:db8::1"};
    *ret_request =
        (struct test_request){.method = PICK(random, methods), .client = PICK(random, clients)};
    out->len = 0;
    random_target(random, out);
    ret_request->target = out->ptr;
    for (uint32_t i = 0; i < random_next(random) % 4; i++)
        ret_request->headers[i] = PICK(random, headers);
    if (random_next(random) % 3 == 0)
        ret_request->body = PICK(random, bodies);
}
