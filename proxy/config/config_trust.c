/* What the configuration says of signed rule sets. */
#include "config/config.h"

#include "stopgap/banned.h"

bool config_wants_trust(const struct config *config)
{
    bool has_signed =
        config->rules.n != 0 || config->rules_watch != NULL || config->feed.urls.n != 0;
    return config->trust_path != NULL || (config->state_dir != NULL && has_signed);
}

struct trust_options config_trust(const struct config *config)
{
    return (struct trust_options){.root_path = config->trust_path,
                                  .state_dir = config->state_dir,
                                  .holds = config->root_expired == ROOT_EXPIRED_HOLD};
}
