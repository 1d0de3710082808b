/* Help texts of the verbs below `stopgap bundle`. */
#include "cli/cmd_bundle.h"

#include "stopgap/banned.h"

const char bundle_keygen_help[] =
    "stopgap bundle keygen --alg ALGORITHM --out FILE\n\n"
    "Make a signing key. Never overwrites a file.\n\n"
    "  --alg   ed25519, ecdsa-p256 or rsa-pss (3072 bits)\n"
    "  --out   private key, PEM, mode 0600; the public key goes to FILE.pub\n\n"
    "Use keys of two algorithms, so that the end of one does not end your updates.\n"
    "The same with openssl: openssl genpkey -algorithm ED25519 -out FILE\n";

const char bundle_build_help[] =
    "stopgap bundle build DIR --name NAME --serial N --root DIR --out FILE.sgb\n\n"
    "Check each rule file DIR/rules/**.yaml (or DIR/**.yaml where there is no folder rules) and\n"
    "pack them, unsigned. The same input gives the same bytes when --created is given.\n\n"
    "  --name NAME          [a-z0-9._-]; proxies keep one order of serials for each name\n"
    "  --serial N           1..2^63-1, higher than all before\n"
    "  --epoch N            default: the root's\n"
    "  --channel WORD       production (default) or lab, which never loads in production\n"
    "  --created TIME       default now\n"
    "  --expires TIME       default created + 90 days; afterwards the set shows as expired and\n"
    "                       stays enforced\n"
    "  --urgency WORD       normal (default) or critical\n"
    "  --min-engine V       oldest stopgap that can use the rules; default 1.0.0\n"
    "  --root DIR           folder of 'stopgap root': every root in it goes into the bundle with "
    "its\n"
    "                       signatures, so that installs of any age can follow\n"
    "  --out FILE.sgb       replaced when it exists\n";

const char bundle_sign_help[] =
    "stopgap bundle sign FILE.sgb [--key KEY]... [--signature PUBLIC_KEY:FILE]...\n\n"
    "Show what is signed, sign the manifest with each private key (PEM), and put the signatures\n"
    "into the bundle.\n\n"
    "  --key KEY        private key in PEM. For an encrypted one the passphrase is asked for, or\n"
    "                   comes from STOPGAP_PASSIN=file:PATH, env:NAME or fd:N (with fd a line a\n"
    "                   key); encrypt with 'openssl pkcs8 -topk8 -scrypt -in KEY -out NEW'\n"
    "  --signature PUBLIC_KEY:FILE\n"
    "                   a raw signature on 0manifest that a token (PKCS#11) or another machine\n"
    "                   has made; 'tar -xOf FILE.sgb 0manifest' gives the bytes to sign\n\n"
    "The same with openssl, on the file 0manifest of the bundle:\n"
    "  Ed25519:  openssl pkeyutl -sign -rawin -inkey KEY -in 0manifest -out sig/ID\n"
    "  P-256:    openssl dgst -sha256 -sign KEY -out sig/ID 0manifest\n"
    "  RSA-PSS:  openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 \\\n"
    "              -sign KEY -out sig/ID 0manifest\n";

const char bundle_verify_help[] =
    "stopgap bundle verify FILE.sgb --trust ROOTFILE [--state DIR] [--at TIME]\n\n"
    "Check a bundle as the proxy does: container, signatures, manifest, order, contents.\n"
    "Exit status: 0 it would be accepted, 1 it is refused; the reason is one line with a code.\n\n"
    "  --trust ROOTFILE     the publisher's root; default: the one stored in --state\n"
    "  --state DIR          remember the highest serial of each name here and refuse older ones\n"
    "  --at TIME            as if it were then\n"
    "  --allow-test         accept a root with 'usage test' and bundles of the channel lab\n";

const char bundle_show_help[] =
    "stopgap bundle show FILE.sgb [--json]\n\n"
    "Print manifest, members and signatures. Nothing is trusted or refused here; signatures are\n"
    "counted by the root that comes in the bundle itself. Use verify before you believe it.\n";
