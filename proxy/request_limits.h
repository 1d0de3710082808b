/* The limits of request heads and bodies, as the parser wants them. */
#pragma once

#include "config/config.h"
#include "http/parse.h"

static inline struct http_limits request_limits(const struct config *config)
{
    const struct limits_config *limits = &config->limits;
    return (struct http_limits){
        .target_bytes = limits->target_bytes,
        .field_bytes = limits->field_bytes,
        .head_bytes = limits->head_bytes,
        .fields = limits->fields,
        .body_bytes = limits->body_bytes,
    };
}
