/* Does an algorithm work in this process? Each is asked to verify one signature that is known to be
 * good: a FIPS module without Ed25519, or a policy that switches an algorithm off, shows here. */
#include "key.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include "stopgap/banned.h"

static const char message[] = "stopgap: does this algorithm work here?";

/* Made once with openssl; the private halves are thrown away. */
static const struct {
    const char *spki;      /* base64 */
    const char *signature; /* base64 */
} known[KEY_ALGORITHMS] = {
    /* clang-format off */
    [KEY_ED25519] =
        {
         "MCowBQYDK2VwAyEA0Yy9iDP9pA7D/FgLwI6s80kfWExAaUDnj5Q+tgABpTI=",
         "7/b8FFGcvnJTSAYQfkJWWw42yB70pFV7kjt4LM8YcXosVjChBsQVdOc1YoMDng++EuIvd0W90gMAt1cG"
         "1v7UAA=="},
    [KEY_ECDSA_P256] =
        {
         "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8tDxXIqYGh9Od46kJ5CZARaBo5yfRjQrZ8jUc4c+pIOH"
         "UqBdI7hKDcqJfVg//N9qKs7zN+0KREAmVXo1P+sJbQ==",
         "MEUCIA4SEbwW93k1sFH5TtHKhRMGi/DDzfT/bplDe61U/v2fAiEAhNq9r/Phv2RJxlruPCoIR/9klDdL"
         "Bfs5JdwT/1A5sPE="},
    [KEY_RSA_PSS] =
        {
         "MIIBojANBgkqhkiG9w0BAQEFAAOCAY8AMIIBigKCAYEA3XJO6hILpgDM7cO7XLTNF4L5lJJPxPVflNfl"
         "M0qhQ4v+bC8lxbHm4ET7rLS4WmVUaNjMQBD92Rmk0BSRCHvZKEB2MSfmtCjVD2xAAKCEUMssE9UtDWgO"
         "ARH4NPUFO6YZvZ6wDukpDfuBvo4biug/MmkHb/rtjuaHV1oYxLbrQIUedVM8im0hcc7HMSS97ZfWRqlI"
         "cHvl7kLcWZJbxKE/SOO8qAlB/rG2DuZ+BwBnJDRSdNNT8FcWtJNJMiMHo+0bkSHkXnst33JMwi1oxti3"
         "KfnMctQvVJmE4kZo4+GS3pLlmfYyk5mtS/rxh85YSHJEesbmu+bOg3j8o/hlfDxlHmDNNUgdb6X7D3a1"
         "O9I8OMrFCpeHn4PQ1szzpfzacU8j/t+i68snz6/Qhrlv9D5zH/yBw7GA5n4GL4UmpmUGXEeOpwCaas+6"
         "vT5Vmvg4QD+3xzJ5zj4/UuNMF9uYZkTVd+be7rIn75DLC/O376mAvhWf7+0EUVLMoXAI+wt4qYFFAgMB"
         "AAE=",
         "hlEx4iGdHlow48x4OKtcq6mPKwVIvQ+KWSqv2MmUiifBYdlvlTiiBzqi79MP6PyiQPU2oAstSK5YrCsb"
         "r6y1kPXbx8UObMEcUaOzhEdSPF9HVqVBx8aVP7vfDmeGHICVztpvLL0mOyHpBDmM2yDfobeb7Lw2lbOU"
         "zCPo+G8kz84vyNmI6vGLv+vv3VW6OUGT+ZoDrt3r8c7GREg7nJvLzlH2SltMPOrps4gIs4dLd7XPaNNE"
         "ONE8m70bqkDz4kMdAZPxbeTeEyNUtEiAIPvYOrJSh85qjcPNHAWpC19Qbwwom1Fgx7LI1XoGEqmhov+R"
         "yzHNAY6FxEHlzidmjeTuIzOCw3XvT+OxAd2NfQ1GAJbdrh+sKyzvHfEvcCTiecFHoj/0CuTq4TCWYefw"
         "yO8qMJvRhwVJINIw+lrcQb0//aTmDrKKKODPvUWUkF745QoBIBgIoqjFLQZtY+wOg34LDX+OjMzpvExf"
         "tpNy/8YrTtXQL6rz+XZ8rg5rdSw2YvBL"},
    /* clang-format on */
};

bool key_works(enum key_algorithm algorithm)
{
    if (known[algorithm].spki == NULL)
        return false;
    struct buf der;
    struct buf signature;
    buf_init(&der, LIMIT_ROOT_BYTES);
    buf_init(&signature, LIMIT_SIGNATURE_BYTES);
    bool works = false;
    if (encode_from_base64(slice_str(known[algorithm].spki), &der) &&
        encode_from_base64(slice_str(known[algorithm].signature), &signature)) {
        const unsigned char *at = (const unsigned char *)der.ptr;
        EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, (long)der.len);
        works = pkey != NULL && key_verify(pkey, SLICE(message), buf_slice(&signature));
        EVP_PKEY_free(pkey);
        ERR_clear_error();
    }
    buf_done(&signature);
    buf_done(&der);
    return works;
}

unsigned key_probe(void)
{
    unsigned working = 0;
    for (int i = KEY_ED25519; i < KEY_ALGORITHMS; i++)
        if (key_works((enum key_algorithm)i))
            working |= 1u << i;
    return working;
}
