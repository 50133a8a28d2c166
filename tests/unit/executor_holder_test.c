#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "executor/holder.h"
#include "spec/base/arena.h"

/* A child that describes itself and ends, reaped or left as a zombie. */
static pid_t describe_in_child(char *out, size_t size)
{
    struct arena arena = ARENA_INIT;
    int ends[2];
    ssize_t len;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        const char *text = holder_describe(&arena);

        _exit(write(ends[1], text, strlen(text)) < 0);
    }
    close(ends[1]);
    len = read(ends[0], out, size - 1);
    assert_true(len > 0);
    out[len] = '\0';
    len = read(ends[0], out + len, size - (size_t)len - 1); /* end of file: the child has ended */
    assert_int_equal(len, 0);
    close(ends[0]);
    return pid;
}

static void a_living_process_is_not_gone(void **state)
{
    struct arena arena = ARENA_INIT;
    const char *self = holder_describe(&arena);

    (void)state;
    assert_non_null(strstr(self, "(machine "));
    assert_false(holder_is_gone(self));
    arena_free(&arena);
}

static void an_ended_process_is_gone(void **state)
{
    char holder[256];
    pid_t pid = describe_in_child(holder, sizeof(holder));

    (void)state;
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(holder_is_gone(holder));
}

static void a_number_that_was_used_again_is_another_process(void **state)
{
    struct arena arena = ARENA_INIT;
    char *self = arena_strdup(&arena, holder_describe(&arena));
    char *start = strstr(self, "started ");

    (void)state;
    start[strlen("started ")] = start[strlen("started ")] == '9' ? '8' : '9';
    assert_true(holder_is_gone(self));
    arena_free(&arena);
}

static void what_cannot_be_known_from_here_is_not_gone(void **state)
{
    (void)state;
    assert_false(holder_is_gone(""));
    assert_false(holder_is_gone("root@elsewhere, process 1"));
    assert_false(holder_is_gone("root@elsewhere, process 999999 (machine 00000000, started 5)"));
    assert_false(holder_is_gone("root@x, process -4 (machine 00000000, started 5)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_living_process_is_not_gone),
        cmocka_unit_test(an_ended_process_is_gone),
        cmocka_unit_test(a_number_that_was_used_again_is_another_process),
        cmocka_unit_test(what_cannot_be_known_from_here_is_not_gone),
    };

    return cmocka_run_group_tests_name("executor: holders of leases", tests, NULL, NULL);
}
