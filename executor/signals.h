/*
 * SIGINT, SIGTERM and SIGHUP: the first asks the run to stop at the next safe point, the second to cancel the statement
 * under way, the third ends the process at once (the ledger makes that safe, too). SIGUSR1 asks for a pause, SIGUSR2
 * ends it. SIGPIPE is ignored: a write that fails says so itself.
 */
#ifndef EXECUTOR_SIGNALS_H
#define EXECUTOR_SIGNALS_H

#include <stdbool.h>

void signals_install(void);
int signals_count(void); /* how many that ask to stop have come so far */
bool signals_paused(void);

#endif
