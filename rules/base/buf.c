/* printf into a struct buf. */
#include "stopgap/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "stopgap/banned.h"

bool buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_list again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    bool fits = len >= 0 && buf_reserve(buf, (size_t)len + 1);
    if (fits) {
        (void)vsnprintf(buf->ptr + buf->len, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    }
    va_end(again);
    return fits;
}
