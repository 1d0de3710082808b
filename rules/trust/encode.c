/* Hex digests by libcrypto, base64. */
#include "encode.h"

#include <openssl/evp.h>

#include "stopgap/base64.h"

#include "stopgap/banned.h"

bool hash_hex(struct slice bytes, char ret_hex[HASH_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (EVP_Digest(bytes.ptr, bytes.len, digest, &len, EVP_sha256(), NULL) != 1 ||
        len * 2 != TEXT_HASH_CHARS)
        return false;
    for (size_t i = 0; i < len; i++) {
        ret_hex[i * 2] = digits[digest[i] >> 4];
        ret_hex[i * 2 + 1] = digits[digest[i] & 15];
    }
    ret_hex[TEXT_HASH_CHARS] = '\0';
    return true;
}

bool encode_to_base64(struct slice bytes, struct buf *ret_text)
{
    if (bytes.len > INT32_MAX / 2 || !buf_reserve(ret_text, bytes.len / 3 * 4 + 5))
        return false;
    unsigned char *out = (unsigned char *)ret_text->ptr + ret_text->len;
    int len = EVP_EncodeBlock(out, (const unsigned char *)bytes.ptr, (int)bytes.len);
    ret_text->len += (size_t)len;
    return true;
}

bool encode_from_base64(struct slice text, struct buf *ret_bytes)
{
    size_t len = 0;
    if (text.len < 4 || !buf_reserve(ret_bytes, base64_decoded_max(text.len)) ||
        !base64_decode(text, ret_bytes->ptr + ret_bytes->len, &len))
        return false;
    ret_bytes->len += len;
    return true;
}
