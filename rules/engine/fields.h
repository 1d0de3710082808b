/* One request (and the head of its response) as the tests of rules see it. */
#pragma once

#include "engine/private.h"

enum {
    MAX_INFLATED = 2,                        /* "deflate" has two formats */
    MAX_BODY_TEXTS = 2 * (1 + MAX_INFLATED), /* as sent, decompressed, each made UTF-8 */
};

/* One reading of the body, with its fields where it is a form. */
struct body_text {
    struct slice view[VIEW_COUNT];
    const struct named_value *form[VIEW_COUNT];
    size_t n_form[VIEW_COUNT];
};

struct fields {
    const struct ruleset *set;
    const struct request_head *head;
    struct arena *arena;
    /* Values as each view decodes them; NULL where none of them differs from what was sent. */
    struct slice *header_values[VIEW_COUNT];
    struct slice *cookie_values[VIEW_COUNT];
    bool is_same[VIEW_COUNT]; /* nothing differs from the view before: need not be evaluated */
    bool has_body_bytes;      /* texts and values are known */
    size_t n_texts;
    struct body_values values; /* in JSON, XML, multipart */
    struct arena *body_arena;
    uint32_t body_wanted;                 /* bits of fields that were read */
    struct slice *inputs;                 /* [n_inputs][IIS_MAX_VALUES] of the set */
    unsigned char *n_input_values;        /* [n_inputs] */
    const struct response_head *response; /* NULL while a request is judged */
    /* From here on not cleared: the one is built whole, n_texts counts the others. */
    struct request_views views;
    struct body_text texts[MAX_BODY_TEXTS];
};

/* Build the views of head. False: no memory. */
MUST_USE bool fields_init(struct fields *fields, const struct ruleset *set,
                          const struct request_head *head, struct arena *arena);

/* Add the window of the body.
 *
 * wanted  bits: what of it is tested (1 << FIELD_FORM, ...); the rest is not read
 * is_cut  the body goes on behind the window
 * arena   for what is made of it; fields of the body must not be asked for after it
 * False: no memory. */
MUST_USE bool fields_add_body(struct fields *fields, struct slice body, bool is_cut,
                              uint32_t wanted, struct arena *arena);

/* Forget the body, whose memory ends. */
void fields_drop_body(struct fields *fields);

static inline struct slice fields_header(const struct fields *fields, size_t index,
                                         enum view_id view)
{
    return fields->header_values[view] != NULL ? fields->header_values[view][index]
                                               : fields->head->fields[index].value;
}

static inline struct slice fields_cookie(const struct fields *fields, size_t index,
                                         enum view_id view)
{
    return fields->cookie_values[view] != NULL ? fields->cookie_values[view][index]
                                               : fields->views.cookies[index].value;
}

/* Host and authority of an absolute target: servers differ in which one they believe.
 * Returns how many there are. */
size_t fields_hosts(const struct fields *fields, struct slice ret_hosts[2]);

/* Goes over the values that a test looks at. */
struct field_walk {
    const struct fields *fields;
    const struct cond *cond;
    enum view_id view;
    size_t next;
    size_t next_text;               /* of the body's readings */
    const struct body_chunk *chunk; /* that `next` is in */
    char text[64]; /* of a value that has no bytes of its own: an address, a status */
};

static inline void field_walk_init(struct field_walk *walk, const struct fields *fields,
                                   const struct cond *cond, enum view_id view)
{
    walk->fields = fields;
    walk->cond = cond;
    walk->view = view;
    walk->next = 0;
    walk->next_text = 0;
    walk->chunk = NULL;
}

/* The next value and the name it has in the request (empty for fields without names). */
bool field_walk_next(struct field_walk *walk, struct named_value *ret_value);
