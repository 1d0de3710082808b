/* Help texts of the verbs below `stopgap root`. */
#include "cli/cmd_root.h"

#include "stopgap/banned.h"

#define COMMON                                                                                     \
    "  --threshold-root N   how many keys must agree on the next root; also --threshold-rules "    \
    "(on "                                                                                         \
    "a\n                       bundle) and --threshold-pulse\n"                                    \
    "  --created TIME       default now\n"                                                         \
    "  --dry-run            show everything, write nothing\n"                                      \
    "  --yes                write it in spite of warnings\n"

#define DRAFT                                                                                      \
    "Shows what changes, how far the trust then reaches and what is unwise; then writes the "      \
    "next\n"                                                                                       \
    "root as a draft. Nothing is in force before 'stopgap root sign'. A draft that nobody "        \
    "signed\n"                                                                                     \
    "yet is changed further, so one root can take several changes.\n\n"

static const char init_help[] =
    "stopgap root init DIR --key FILE[:ROLE[,ROLE]]...\n\n"
    "Begin a chain of roots: DIR/0000000001.draft, which its own root keys then sign.\n\n"
    "  --key FILE[:ROLES]   private or public key in PEM; roles root, rules, pulse;\n"
    "                       default root,rules; repeat for each key. Use two algorithms.\n"
    "  --mirror URL         where bundles are to be had; repeat\n"
    "  --expires TIME       default created + 5 years; keys end on this day, their sunset is 180\n"
    "                       days earlier\n"
    "  --usage WORD         production (default) or test; proxies refuse test roots\n"
    "  --epoch N            default 1\n" COMMON;

static const char add_key_help[] = "stopgap root add-key DIR --key FILE[:ROLES]...\n\n" DRAFT
                                   "  --key FILE[:ROLES]   as with init; the public half will do\n"
                                   "  --from DATE          default the day of --created\n"
                                   "  --sunset DATE        default 180 days before --end\n"
                                   "  --end DATE           last day, default created + 5 years\n"
                                   "  --expires TIME       of the root; default unchanged\n" COMMON;

static const char retire_key_help[] =
    "stopgap root retire-key DIR --key KEY --sunset DATE\n\n"
    "Announce the day from which a key is not used any more, at least 180 days ahead: installs\n"
    "compute from it whether they will still be able to follow, and warn. Sign with old and new\n"
    "keys until then, and drop the key with 'stopgap root rotate' afterwards.\n\n" DRAFT
    "  --key KEY            its file, or the first 8 or more digits of its id; repeat\n"
    "  --sunset DATE        the key is not used from this day on\n"
    "  --end DATE           its signatures count until this day; default unchanged\n"
    "  --announce DATE:WORD a line for people, such as 2029-05-24:key-change\n"
    "  --expires TIME       of the root; default unchanged\n" COMMON;

static const char rotate_help[] =
    "stopgap root rotate DIR [--add FILE[:ROLES]]... [--drop KEY]...\n\n"
    "The routine every year or two: a new end date, new keys in, old ones out. Keys that are\n"
    "revoked or past their sunset go by themselves.\n\n" DRAFT
    "  --add FILE[:ROLES]   a new key, as --key of init\n"
    "  --drop KEY           its file, or the first 8 or more digits of its id\n"
    "  --both-sets          holders of the old and of the new keys will sign: needed when fewer\n"
    "                       old root keys stay than must sign\n"
    "  --mirror URL, --drop-mirror URL\n"
    "  --engine-sunset V:DATE  from DATE on programs older than version V are not thought of\n"
    "  --announce DATE:WORD a line for people\n"
    "  --eocs-sign-anchor FILE, --eocs-ts-anchor FILE, --eocs-deny SHA256\n"
    "                       certificates (PEM) that Microsoft's document and its time stamp may\n"
    "                       be signed under from now on, and those that count no more; repeat\n"
    "  --expires TIME       of the root, and last day of new keys; default created + 5 "
    "years\n" COMMON;

static const char revoke_help[] =
    "stopgap root revoke DIR [--key KEY --reason WORD] [--withdraw NAME:EPOCH:SERIAL]\n\n"
    "For emergencies. Signatures of a revoked key do not count for anything new; rules that are "
    "in\n"
    "force stay, marked, unless they are withdrawn.\n\n" DRAFT
    "  --key KEY            its file, or the first 8 or more digits of its id; repeat\n"
    "  --reason WORD        lost, stolen, ...; --date DATE: default today\n"
    "  --add FILE[:ROLES]   a key in its place\n"
    "  --withdraw N:E:S     bundle NAME of epoch E and serial S: installs leave it at once; "
    "repeat\n"
    "  --raise-epoch        serials begin anew, so that a thief's high serial does not bar yours;\n"
    "                       sign a new bundle with the new epoch at once\n"
    "  --both-sets          as with rotate\n"
    "  --expires TIME       of the root; default unchanged\n" COMMON;

static const char sign_help[] =
    "stopgap root sign DIR [--key KEY]...\n\n"
    "Show what is signed, sign the draft with each private key (PEM) and put the signatures into\n"
    "DIR/NNNNNNNNNN.sig/. When the thresholds of the root before it and of the draft itself are\n"
    "met, it becomes DIR/NNNNNNNNNN. Without a draft more signatures go to the newest root.\n"
    "Without --key only the signatures that are there are counted; use it to finish what was\n"
    "signed with openssl. Exit status 1 when signatures are missing then.\n\n"
    "The same with openssl, ID being the SHA-256 of the key's public half in DER:\n"
    "  Ed25519:  openssl pkeyutl -sign -rawin -inkey KEY -in DIR/NNNNNNNNNN.draft \\\n"
    "              -out DIR/NNNNNNNNNN.sig/ID\n"
    "  P-256:    openssl dgst -sha256 -sign KEY -out DIR/NNNNNNNNNN.sig/ID DIR/NNNNNNNNNN.draft\n"
    "  RSA-PSS:  openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 \\\n"
    "              -sign KEY -out DIR/NNNNNNNNNN.sig/ID DIR/NNNNNNNNNN.draft\n\n"
    "The passphrase of an encrypted key is asked for, or comes from STOPGAP_PASSIN=file:PATH,\n"
    "env:NAME or fd:N (with fd a line a key).\n\n"
    "Keys on a token (YubiKey, HSM): stopgap reads no PKCS#11 URIs. List the public half with\n"
    "--key or --add, let the token's own tool make the raw signature, and put it in place.\n";

static const char show_help[] =
    "stopgap root show DIR [--json]\n\n"
    "Print the roots of the folder, the keys of the newest one, for each day to come how many\n"
    "usable keys there are above the threshold, and the draft with what is missing.\n";

static const struct {
    const char *verb;
    const char *help;
} helps[] = {
    {"init", init_help},     {"add-key", add_key_help}, {"retire-key", retire_key_help},
    {"rotate", rotate_help}, {"revoke", revoke_help},   {"sign", sign_help},
    {"show", show_help},
};

const char *root_help(const char *verb)
{
    for (size_t i = 0; i < sizeof(helps) / sizeof(helps[0]); i++)
        if (strcmp(helps[i].verb, verb) == 0)
            return helps[i].help;
    return NULL;
}
