/*
 * Who holds a lease, as text for people that a later process on the same machine can check:
 *
 *     root@ci-7, process 4711 (machine 9c1f20ab, started 182736)
 *
 * The machine is a digest of the kernel's boot id and the process-id namespace, so that a number can only mean the same
 * process; the start is the process's own, so that a number used again means another.
 */
#ifndef EXECUTOR_HOLDER_H
#define EXECUTOR_HOLDER_H

#include <stdbool.h>

struct arena;

/* This process. */
const char *holder_describe(struct arena *arena);
/* True when the text names a process of this machine that has ended: nobody will renew its lease. False when it lives, or
 * cannot be known from here. */
bool holder_is_gone(const char *holder);

#endif
