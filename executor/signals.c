#include "executor/signals.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t count;
static volatile sig_atomic_t paused;

static void handle(int signal_number)
{
    count = count + 1;
    if (count < 3)
        return;
    /* The default action ends the process with the signal's status, as whoever sent it expects. */
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void handle_pause(int signal_number)
{
    paused = signal_number == SIGUSR1;
}

void signals_install(void)
{
    struct sigaction action = {.sa_handler = handle};

    /* Without SA_RESTART, so that waits end at once. */
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    action.sa_handler = handle_pause;
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

int signals_count(void)
{
    return (int)count;
}

bool signals_paused(void)
{
    return paused != 0;
}
