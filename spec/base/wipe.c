#include "spec/base/wipe.h"

void wipe_bytes(void *data, size_t size_bytes)
{
    for (volatile unsigned char *at = data; size_bytes > 0; size_bytes--)
        *at++ = 0;
}
