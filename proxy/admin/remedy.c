/* The codes that a load of rules ends with, and the way out of each. */
#include "admin/remedy.h"

#include "stopgap/slice.h"
#include "stopgap/trust.h"

#include "stopgap/banned.h"

/* The first row whose prefix fits counts, so the longer prefix stands first. */
static const struct {
    const char *prefix;
    const char *remedy;
} remedies[] = {
    {"E_SIG_", "The bundle lacks valid signatures of enough trusted keys: get it again from its "
               "publisher, and look at it with 'stopgap bundle show'."},
    {"E_ROLLBACK", "A newer set was seen here before: install the newest bundle, or ask the "
                   "publisher for one with a higher serial."},
    {"E_SERIAL_REUSED", "Two different bundles bear one serial: ask the publisher which is "
                        "genuine, and treat it as an incident until then."},
    {"E_BUNDLE_", "The file is damaged or no bundle: copy it again and compare its SHA-256."},
    {"E_MANIFEST_", "The file is damaged or made by another version: copy it again, or build it "
                    "with this version of stopgap."},
    {"E_HASH", "A member of the bundle was changed: copy the bundle again from its publisher."},
    {"E_ROOT_", "The root file is not a valid successor of the trusted one: get the chain of "
                "roots from the publisher and check its fingerprint by another way."},
    {"E_STATE_", "The state directory cannot be used: check its owner, its mode and the free "
                 "space."},
    {"E_ENGINE_TOO_OLD", "The rules need a newer stopgap: upgrade, then reload."},
    {"E_LINT", "A rule breaks the language: its author corrects it with 'stopgap rules test'."},
    {"E_COMPILE", "A pattern cannot be compiled: its author corrects it with "
                  "'stopgap rules test'."},
    {"E_JAIL",
     "The process that judges rules could not be started or limited: look at the limits of "
     "processes and the filter of system calls of the service."},
    {"E_CANARY",
     "New rules would have stopped clients; the rules before stay: tell their publisher, "
     "and look at the decision log for ids that end in ~trial."},
    {"E_ABANDONED", "An operator ended the trial of new rules; a newer set is tried again."},
    {TRUST_HELD_CODE,
     "A new set takes many rules away and is held back: compare the two with 'stopgap rules diff', "
     "ask its publisher, then take it with 'stopgap rules approve'."},
    {"E_WATCHDOG",
     "New rules harmed traffic and were taken back: tell their publisher, and look at "
     "the decision log of that time."},
    {"E_COST", "A pattern is too expensive: its author makes it narrower."},
    {"E_SELFTEST", "A rule fails one of its own samples: its author corrects rule or sample; "
                   "until then disable that rule in the configuration."},
    {"E_LIMIT", "The set is larger than stopgap takes: split it or remove rules."},
};

const char *remedy_of_code(const char *code)
{
    for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++)
        if (slice_starts_with(slice_str(code), slice_str(remedies[i].prefix)))
            return remedies[i].remedy;
    return NULL;
}
