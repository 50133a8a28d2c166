/* What the ledger is taken to know of the live objects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "executor/drift.h"
#include "executor/ledger.h"
#include "spec/base/arena.h"
#include "spec/base/error.h"

/* The names in the map, in the order in which they were first seen. */
static const char *known_after(struct arena *arena, const char *const *observations, size_t count)
{
    struct ledger ledger = {0};
    struct map known;
    struct error error;
    const struct map_entry *entry;
    const char *names = "";

    for (size_t i = 0; i < count; i++) {
        const struct ledger_row row = {.seq = (int64_t)i + 1, .observed = str_from(observations[i])};

        VEC_PUSH(arena, &ledger.rows, row);
    }
    assert_true(drift_observed(arena, &ledger, &known, &error));
    for (size_t i = 0; map_next(&known, &i, &entry);)
        names = arena_printf(arena, "%s%s%.*s", names, *names ? ", " : "", STR_ARG(entry->key));
    return names;
}

#define KNOWN(...)                                                                                                     \
    known_after(&arena, (const char *const[]){__VA_ARGS__},                                                            \
        sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

#define INDEX "{\"index public.i\":{\"table\":\"public.t\"}}"

static void an_index_is_forgotten_with_its_table(void **state)
{
    struct arena arena = ARENA_INIT;

    (void)state;
    assert_string_equal(KNOWN("{\"table public.t\":{}}", INDEX, "{\"table public.t\":null}"), "table public.t");
    assert_string_equal(KNOWN(INDEX, "{\"table public.t\":null}", "{\"table public.t\":{}}"), "table public.t");
    arena_free(&arena);
}

static void an_index_that_is_seen_with_or_after_the_loss_is_known(void **state)
{
    struct arena arena = ARENA_INIT;

    (void)state;
    assert_string_equal(KNOWN("{\"table public.t\":null}", "{\"table public.t\":{}}", INDEX),
        "table public.t, index public.i");
    assert_string_equal(KNOWN(INDEX, "{\"table public.t\":null,\"index public.i\":{\"table\":\"public.u\"}}"),
        "index public.i, table public.t");
    assert_string_equal(KNOWN(INDEX, "{\"table public.t\":null,\"index public.i\":{\"table\":\"public.t\"}}"),
        "index public.i, table public.t");
    assert_string_equal(KNOWN(INDEX, "{\"table public.other\":null}"), "index public.i, table public.other");
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_index_is_forgotten_with_its_table),
        cmocka_unit_test(an_index_that_is_seen_with_or_after_the_loss_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
