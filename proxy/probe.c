/* What a harmless health check looks like. */
#include "probe.h"

#include "proxy_limits.h"

#include "stopgap/banned.h"

static bool field_is_harmless(const struct header_field *field)
{
    static const struct slice known[] = {
        SLICE_INIT("Host"),          SLICE_INIT("User-Agent"),
        SLICE_INIT("Accept"),        SLICE_INIT("Accept-Encoding"),
        SLICE_INIT("Connection"),    SLICE_INIT("Accept-Language"),
        SLICE_INIT("Cache-Control"), SLICE_INIT("Pragma"),
        SLICE_INIT("Keep-Alive"),    SLICE_INIT("X-Forwarded-For"),
        SLICE_INIT("Via"),           SLICE_INIT("X-Forwarded-Proto"),
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (slice_equal_nocase(field->name, known[i]))
            return field->value.len <= LIMIT_PROBE_FIELD_BYTES;
    return false;
}

/* "/owa/healthcheck.htm", of any case and nothing else. */
static bool target_is_page(struct slice target, const struct slice *vdirs, size_t n_vdirs)
{
    static const struct slice page = SLICE_INIT("/healthcheck.htm");
    if (target.len <= page.len || target.ptr[0] != '/' ||
        !slice_equal_nocase(slice_from(target, target.len - page.len), page))
        return false;
    struct slice vdir = slice_from(slice_head(target, target.len - page.len), 1);
    for (size_t i = 0; i < n_vdirs; i++)
        if (slice_equal_nocase(vdir, vdirs[i]))
            return true;
    return false;
}

bool probe_is_exempt(const struct http_parser *request, const struct slice *vdirs, size_t n_vdirs)
{
    const struct http_head *head = &request->head;
    if (!target_is_page(head->target, vdirs, n_vdirs) || head->framing != FRAMING_NONE ||
        !(slice_equal(head->method, SLICE("GET")) || slice_equal(head->method, SLICE("HEAD"))))
        return false;
    for (size_t i = 0; i < head->n_fields; i++)
        if (!field_is_harmless(&head->fields[i]))
            return false;
    return true;
}
