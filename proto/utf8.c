#include "proto/utf8.h"

#include <string.h>

size_t utf8_character(const uint8_t *p, size_t n)
{
        uint8_t low = 0x80, high = 0xbf; /* bounds of the second byte: no overlong forms, */
        size_t size;                     /* no surrogates, nothing above U+10FFFF */

        if (p[0] < 0x80)
                return 1;
        if (p[0] < 0xc2 || p[0] > 0xf4)
                return 0;
        size = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
        if (p[0] == 0xe0)
                low = 0xa0;
        else if (p[0] == 0xed)
                high = 0x9f;
        else if (p[0] == 0xf0)
                low = 0x90;
        else if (p[0] == 0xf4)
                high = 0x8f;
        if (n < size || p[1] < low || p[1] > high)
                return 0;
        for (size_t i = 2; i < size; i++)
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
        return size;
}

void utf8_copy(uint8_t *to, const void *from, size_t n)
{
        const uint8_t *p = from;

        for (size_t i = 0; i < n;) {
                size_t size = utf8_character(p + i, n - i);

                if (size == 0) {
                        to[i++] = '?';
                        continue;
                }
                memcpy(to + i, p + i, size);
                i += size;
        }
}
