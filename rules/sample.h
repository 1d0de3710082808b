/* The request, and the response to it, that a sample of a rule stands for. */
#pragma once

#include "engine/engine.h"

struct sample_request {
    struct request_head head;
    struct response_head response;
    struct header_field *fields;
    struct header_field *response_fields;
};

/* sample  borrowed until sample_request_done, which is called in any case. False: no memory. */
MUST_USE bool sample_request_init(const struct sample *sample, struct sample_request *ret_request);
void sample_request_done(struct sample_request *request);
