/* Pages of Exchange name the folder of their scripts and styles, which is that of the update. */
#include "stopgap/builds.h"

#include "stopgap/banned.h"

enum { UPDATE_PARTS = 3, MAX_DIGITS = 5 };

/* "15.1.2507/", and the fourth part that the folders of OWA's own scripts have. */
static bool parse_folder(struct slice text, struct build *ret_update)
{
    struct build update = {{0}};
    size_t at = 0;
    for (int i = 0; i < BUILD_PARTS; i++) {
        size_t digits = at;
        uint64_t value = 0;
        while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
            digits++;
        if (digits == at || digits - at > MAX_DIGITS || digits == text.len ||
            !slice_to_u64(slice_make(text.ptr + at, digits - at), &value) || value > UINT16_MAX)
            return false;
        if (i < UPDATE_PARTS)
            update.part[i] = (uint16_t)value;
        at = digits + 1;
        bool is_end = text.ptr[digits] == '/';
        if (is_end && i + 1 >= UPDATE_PARTS && update.part[0] != 0) {
            *ret_update = update;
            return true;
        }
        if (text.ptr[digits] != '.')
            return false;
    }
    return false;
}

bool build_find_update(struct slice page, struct build *ret_update)
{
    static const char *const folders[] = {"/owa/auth/", "/owa/prem/", "/owa/"};
    struct build found = {{0}};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        size_t len = strlen(folders[i]);
        struct slice rest = page;
        const char *hit;
        while ((hit = memmem(rest.ptr, rest.len, folders[i], len)) != NULL) {
            struct build update;
            rest = slice_from(rest, (size_t)(hit - rest.ptr) + len);
            if (!parse_folder(rest, &update))
                continue;
            if (build_is_known(&found) && build_compare(&found, &update) != 0)
                return false;
            found = update;
        }
    }
    if (build_is_known(&found))
        *ret_update = found;
    return build_is_known(&found);
}
