/*
 * Keys from a program that the profile names (credential_process): it is run without a shell, and what it writes is
 * {"Version": 1, "AccessKeyId": …, "SecretAccessKey": …, "SessionToken": …, "Expiration": …}.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "executor/aws/credential_source.h"
#include "spec/base/arena.h"
#include "spec/base/vec.h"
#include "spec/exit.h"

enum { ANSWER_MAX_BYTES = 64 * 1024, PROCESS_TIMEOUT_MS = 60 * 1000, POLL_MS = 250, END_POLL_MS = 10 };

extern char **environ;

struct words {
    VEC(char *) list;
};

/* Words as a shell makes them of plain text: blanks part them, quotes hold them together, \ takes the next byte as it is
 * outside single quotes. False when a quote is left open. */
static bool split_words(struct arena *arena, const char *text, struct words *out)
{
    struct strbuf word = STRBUF_INIT;
    bool inside = false;
    char quote = '\0';

    for (;; text++) {
        char c = *text;

        if (!c || (!quote && (c == ' ' || c == '\t'))) {
            if (inside)
                VEC_PUSH(arena, &out->list, arena_strndup(arena, word.data ? word.data : "", word.len));
            strbuf_clear(&word);
            inside = false;
            if (!c)
                break;
            continue;
        }
        inside = true;
        if (c == quote) {
            quote = '\0';
        } else if (!quote && (c == '\'' || c == '"')) {
            quote = c;
        } else if (c == '\\' && quote != '\'' && text[1]) {
            strbuf_append_char(&word, *++text);
        } else {
            strbuf_append_char(&word, c);
        }
    }
    strbuf_free(&word);
    VEC_PUSH(arena, &out->list, NULL);
    return quote == '\0';
}

static bool start(const struct words *words, pid_t *pid, int *output, struct error *error)
{
    posix_spawn_file_actions_t actions;
    int ends[2], problem;

    if (pipe(ends) != 0)
        return error_set(error, EXIT_STATUS_AUTHENTICATION, "no pipe for '%s': %s", words->list.items[0], strerror(errno));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    problem = posix_spawnp(pid, words->list.items[0], &actions, NULL, words->list.items, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    *output = ends[0];
    if (problem == 0)
        return true;
    close(ends[0]);
    return error_set(error, EXIT_STATUS_AUTHENTICATION, "'%s' cannot be run: %s", words->list.items[0], strerror(problem));
}

static bool time_is_left(const struct driver_env *env, int64_t end_ms, struct error *error)
{
    return env->now_ms(env->context) < end_ms ||
        error_set(error, EXIT_STATUS_AUTHENTICATION, "it did not end within %d s", PROCESS_TIMEOUT_MS / 1000);
}

static bool read_output(const struct driver_env *env, int output, int64_t end_ms, struct strbuf *out, struct error *error)
{
    char block[4096];

    for (;;) {
        struct pollfd ready = {.fd = output, .events = POLLIN};
        ssize_t got;

        if (!time_is_left(env, end_ms, error))
            return false;
        if (env->tick)
            env->tick(env->context);
        if (poll(&ready, 1, POLL_MS) <= 0)
            continue;
        got = read(output, block, sizeof(block));
        if (got == 0)
            return true;
        if (got < 0)
            return error_set(error, EXIT_STATUS_AUTHENTICATION, "its output cannot be read: %s", strerror(errno));
        strbuf_append(out, block, (size_t)got);
        if (out->len > ANSWER_MAX_BYTES)
            return error_set(error, EXIT_STATUS_AUTHENTICATION, "it writes more than %d bytes", ANSWER_MAX_BYTES);
    }
}

/* A program that has closed its output may go on nevertheless. */
static bool wait_for_end(const struct driver_env *env, pid_t pid, int64_t end_ms, int *status, struct error *error)
{
    for (;;) {
        pid_t ended = waitpid(pid, status, WNOHANG);

        if (ended == pid || (ended < 0 && errno != EINTR))
            return true;
        if (!time_is_left(env, end_ms, error))
            return false;
        if (env->tick)
            env->tick(env->context);
        env->sleep_ms(env->context, END_POLL_MS);
    }
}

bool process_fetch(struct aws_credential_source *source, struct aws_credentials *out, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct strbuf answer = STRBUF_INIT;
    struct words words = {0};
    pid_t pid = 0;
    int output = -1, status = 0;
    bool ok = split_words(&arena, source->command, &words) && words.list.items[0];

    if (!ok)
        error_set(error, EXIT_STATUS_AUTHENTICATION, "it is no command: a quote is left open, or it is empty");
    ok = ok && start(&words, &pid, &output, error);
    if (ok) {
        const struct driver_env *env = source->env;
        int64_t end_ms = env->now_ms(env->context) + PROCESS_TIMEOUT_MS;

        ok = read_output(env, output, end_ms, &answer, error) && wait_for_end(env, pid, end_ms, &status, error);
        close(output);
        if (!ok) {
            kill(pid, SIGKILL);
            while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        }
        if (ok && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
            ok = error_set(error, EXIT_STATUS_AUTHENTICATION, "'%s' failed with status %d", words.list.items[0],
                WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
    ok = ok ? aws_credentials_from_json(out, strbuf_view(&answer), "SessionToken", source->origin, error)
            : error_wrap(error, "%s", source->origin);
    strbuf_free_secret(&answer);
    arena_free(&arena);
    return ok;
}
