/* Looks at the manifests of configured bundles; what is wrong with a file the load says. */
#include "cli/name_clash.h"

#include <fcntl.h>

#include "stopgap/bundle.h"
#include "stopgap/limits.h"
#include "stopgap/pulse.h"
#include "trust/file.h"

#include "stopgap/banned.h"

static bool read_name(const char *path, struct bundle_facts *ret_facts)
{
    static const struct file_codes codes = {.read = "E_BUNDLE_READ", .size = "E_BUNDLE_SIZE"};
    struct buf bytes;
    buf_init(&bytes, LIMIT_BUNDLE_BYTES);
    bool done = file_read(AT_FDCWD, path, &codes, &bytes, NULL) &&
                bundle_read_facts(buf_slice(&bytes), ret_facts, NULL);
    buf_done(&bytes);
    return done;
}

void name_clash_print(const struct config *config)
{
    const struct feed_config *feed = &config->feed;
    for (size_t i = 0; feed->urls.n != 0 && i < config->rules.n; i++) {
        struct bundle_facts facts;
        if (!read_name(config->rules.items[i], &facts))
            continue;
        for (size_t k = 0; k < feed->names.n; k++)
            if (strcmp(feed->names.items[k], facts.name) == 0)
                (void)fprintf(stderr,
                              "note: %s comes from %s and from the feed: the file goes first, and "
                              "loads end with E_ROLLBACK once the feed has had a newer one; remove "
                              "the file from rules.bundles, or the name from feed.names\n",
                              facts.name, config->rules.items[i]);
    }
}
