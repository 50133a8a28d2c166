/* Overwriting memory that held a secret, before it is given back. */
#ifndef SPEC_BASE_WIPE_H
#define SPEC_BASE_WIPE_H

#include <stddef.h>

struct arena;

/* With stores that the compiler may not leave out. */
void wipe_bytes(void *data, size_t size_bytes);
/* Overwrites everything that was ever handed out by the arena and is still its own, then frees it. */
void wipe_arena(struct arena *arena);

#endif
