#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "compiler/plan_schema.h"
#include "spec/base/arena.h"
#include "spec/base/file.h"
#include "spec/plan_key.h"

static struct arena arena;

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static struct str read_text(const char *path)
{
    struct error error;
    struct str text;

    if (!file_read(&arena, path, 16 * 1024 * 1024, 1, &text, &error))
        fail_msg("%s", error.message);
    return text;
}

/* The file is what `invplan schema plan` prints. */
static void the_committed_schema_is_that_of_the_table(void **state)
{
    struct strbuf out = STRBUF_INIT;
    struct json_error error;

    (void)state;
    plan_schema_write(&out);
    assert_non_null(json_read(&arena, strbuf_view(&out), JSON_STRICT, &error));
    if (!str_equal(strbuf_view(&out), read_text("spec/schema/plan.schema.json")))
        fail_msg("spec/schema/plan.schema.json is stale: write it anew with 'invplan schema plan'");
    strbuf_free(&out);
}

/* The place behind the line, or NULL. */
static const char *find_line_part(const char *from, const char *first, const char *second)
{
    for (const char *at = strstr(from, first); at; at = strstr(at + 1, first)) {
        const char *end = strchr(at, '\n'), *found = strstr(at, second);

        if (found && found < end)
            return end;
    }
    return NULL;
}

static void the_documentation_says_of_every_key_what_the_table_says(void **state)
{
    const char *text = read_text("docs/plan-format.md").data;

    (void)state;
    for (size_t i = 0; i < PLAN_OBJECT_COUNT; i++) {
        size_t count;
        const struct plan_key *keys = plan_object_keys((enum plan_object)i, &count);
        char *heading = arena_printf(&arena, "\n### %s\n", plan_object_name((enum plan_object)i));
        const char *at;

        for (char *c = heading; *c; c++)
            if (*c >= 'A' && *c <= 'Z')
                *c = (char)(*c - 'A' + 'a');
        at = strstr(text, heading);
        if (!at)
            fail_msg("docs/plan-format.md has no heading '%s'", heading + 1);
        for (size_t j = 0; j < count; j++) {
            at = find_line_part(at, arena_printf(&arena, "\n| `%s` | ", keys[j].name) + 1,
                arena_printf(&arena, "| %s |", keys[j].doc));
            if (!at)
                fail_msg("docs/plan-format.md does not say below '%s': %s: %s", heading + 1, keys[j].name, keys[j].doc);
        }
    }
}

static void the_documentation_names_every_instruction_and_capability(void **state)
{
    static const char *const rows[] = {
#define INSTRUCTION_ROW(name, text, engine, alone, gradual, doc) "| `" text "` | ", doc,
#include "spec/instruction.def"
#undef INSTRUCTION_ROW
#define CAPABILITY_ROW(name, text, supported, doc) "| `" text "` | ", doc,
#include "spec/capability.def"
#undef CAPABILITY_ROW
    };
    const char *text = read_text("docs/plan-format.md").data;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i += 2)
        if (!find_line_part(text, rows[i], rows[i + 1]))
            fail_msg("docs/plan-format.md lacks the row %s%s", rows[i], rows[i + 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_committed_schema_is_that_of_the_table, tear_down),
        cmocka_unit_test_teardown(the_documentation_says_of_every_key_what_the_table_says, tear_down),
        cmocka_unit_test_teardown(the_documentation_names_every_instruction_and_capability, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
