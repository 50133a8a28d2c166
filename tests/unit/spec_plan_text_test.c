#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spec/markdown.h"
#include "spec/plan_text.h"
#include "spec/printable.h"
#include "spec/sql_layout.h"
#include "tests/unit/plan_sample.h"

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena = (struct arena)ARENA_INIT;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* The sample, in a form that has each mark: a transaction of two steps, an assertion, checks. */
static struct plan *full_plan(void)
{
    struct plan *plan = plan_sample(&arena);
    struct plan_step *column = &plan->steps.items[0];
    struct plan_step assertion = plan_sample_step(&arena, PLAN_SAMPLE_ATTRIBUTES "/assert/check", PLAN_SAMPLE_ATTRIBUTES,
        "operational", INSTRUCTION_PG_ASSERT, "{\"sql\":\"SELECT count(*) > 0\\n  FROM public.inventory_items\",\"message\":\"no items\"}");
    struct strbuf out = STRBUF_INIT;

    column->precondition = (struct plan_check){"SELECT true", "x"};
    column->postcondition = (struct plan_check){"SELECT 1 = 1", "x"};
    plan->steps.items[1] = assertion;
    plan_write(&arena, plan, &out);
    strbuf_free(&out);
    memset(plan->digest, 'd', 64);
    return plan;
}

static bool is_on_dynamodb(const struct plan_step *step, const void *context)
{
    return strcmp(step->target, context) == 0;
}

static bool is_nothing(const struct plan_step *step, const void *context)
{
    (void)step;
    (void)context;
    return false;
}

static void assert_prints(void (*print)(struct strbuf *, const struct plan *, const struct plan_text_options *),
    const struct plan *plan, const struct plan_text_options *options, const char *wanted)
{
    struct strbuf out = STRBUF_INIT;

    print(&out, plan, options);
    assert_string_equal(out.data, wanted);
    strbuf_free(&out);
}

static void the_terminals_view_shows_what_is_run_and_what_it_blocks(void **state)
{
    struct plan_text_options options = {0};

    (void)state;
    assert_prints(plan_text_print, full_plan(), &options, "plan of inventory-service for staging  dddddddddddd\n"
        "\n"
        "  operational  postgres 15, ledger invplan, TypeORM's table migrations\n"
        "  event_store  dynamodb, ledger inventory_dynamodb_migrations\n"
        "  policy       on failure halt, lock time-out 500ms, retries for 5m, waits at most 1h, irreversible steps need --yes\n"
        "  needs        notify.sns\n"
        "\n"
        "1709123456789-AddInventoryItemAttributes on operational\n"
        "  Free-form attributes for every inventory item\n"
        "\n"
        "  \u250C one transaction\n"
        "  \u2502   1  add_column:inventory_items.attributes/add  expand\n"
        "  \u2502       ALTER TABLE public.inventory_items ADD COLUMN attributes jsonb NOT NULL DEFAULT '{}';\n"
        "  \u2502       must hold before: SELECT true\n"
        "  \u2502       must hold after: SELECT 1 = 1\n"
        "  \u2502       lock public.inventory_items: AccessExclusiveLock, blocks reads and writes\n"
        "  \u2502       undo exact while its guard holds; else lost: the values of column attributes\n"
        "  \u2502            guard SELECT NOT EXISTS (SELECT FROM public.inventory_items WHERE attributes <> '{}')\n"
        "  \u2502            ALTER TABLE public.inventory_items DROP COLUMN attributes;\n"
        "  \u2502   2  assert/check  expand\n"
        "  \u2502       SELECT count(*) > 0\n"
        "  \u2502         FROM public.inventory_items;\n"
        "  \u2502       -- must be true, or: no items\n"
        "  \u2502       undo nothing to do\n"
        "  \u2514\n"
        "\n"
        "    3  create_index:idx_attributes/create  expand, outside a transaction\n"
        "        CREATE INDEX CONCURRENTLY idx_attributes ON public.inventory_items USING gin (attributes);\n"
        "        lock public.inventory_items: ShareUpdateExclusiveLock, blocks schema changes; reads all of it\n"
        "        undo exact\n"
        "             DROP INDEX CONCURRENTLY public.idx_attributes;\n"
        "        allows PG210: the table is small\n"
        "\n"
        "1709123456789-CreateInventoryEventsTable on event_store\n"
        "  after 1709123456789-AddInventoryItemAttributes\n"
        "\n"
        "    4  create_table:inventory_events/create  expand\n"
        "        CreateTable\n"
        "          TableName: inventory_events\n"
        "          BillingMode: PAY_PER_REQUEST\n"
        "        waits until table inventory_events is active\n"
        "        undo lossy, lost: every event in table inventory_events\n"
        "             DeleteTable\n"
        "               TableName: inventory_events\n"
        "             waits until table inventory_events is absent\n"
        "\n"
        "    5  register_event:StockReserved.1/register  expand\n"
        "        registers StockReserved version 1 in inventory_event_schemas, compatibility backward\n"
        "        undo exact\n"
        "             takes StockReserved version 1 out of inventory_event_schemas\n"
        "\n"
        "    6  gate:readers-deployed/pass  expand\n"
        "        waits for: the service reads version 1\n"
        "        pass it with: invplan apply --pass readers-deployed\n"
        "        undo impossible: readers may depend on it\n"
        "        point of no return: once this ran, nothing above can be undone\n"
        "\n"
        "6 steps in 2 migrations on 2 targets\n"
        "  undo: 3 exactly, 1 exactly while a guard holds, 1 with a loss, 1 never\n"
        "  locks: 1 step blocks reads and writes\n"
        "  waits for: 1 gate\n"
        "  no return: 1 step\n"
        "  time: unknown for 5 steps\n");
}

static void backfills_read_as_the_update_they_are(void **state)
{
    struct plan *plan = plan_sample(&arena);
    struct strbuf out = STRBUF_INIT;

    (void)state;
    plan_action_print(&out, &plan->steps.items[1].action);
    plan_action_print(&out, &plan->steps.items[1].inverse.action);
    assert_string_equal(out.data, "UPDATE public.inventory_items\n"
        "   SET attributes = jsonb_build_object('brand', 'Unknown')\n"
        " WHERE attributes = '{}';\n"
        "in batches of 5000 along id; old values are kept\n"
        "puts the kept old values back, in rows that still hold ours\n");
    strbuf_free(&out);
}

static void assert_laid_out(const char *sql, const char *wanted)
{
    struct strbuf out = STRBUF_INIT;

    sql_layout_append(&out, str_from(sql));
    assert_string_equal(out.data, wanted);
    strbuf_free(&out);
}

static void long_statements_get_lines(void **state)
{
    (void)state;
    assert_laid_out("CREATE TABLE public.items (id uuid not null, price numeric(12,2) default 1, name text default 'a, (b' , "
                    "\"x,y\" text, CHECK (price > 0))",
        "CREATE TABLE public.items (\n"
        "    id uuid not null,\n"
        "    price numeric(12,2) default 1,\n"
        "    name text default 'a, (b',\n"
        "    \"x,y\" text,\n"
        "    CHECK (price > 0)\n"
        ")");
    assert_laid_out("ALTER TABLE public.stock_transactions ADD CONSTRAINT fk FOREIGN KEY (a, b) REFERENCES public.warehouses (c, d) ON DELETE RESTRICT",
        "ALTER TABLE public.stock_transactions ADD CONSTRAINT fk FOREIGN KEY (a, b) REFERENCES public.warehouses (c, d) ON DELETE RESTRICT");
    assert_laid_out("SELECT f(1111111111111111111111111, 2222222222222222222222222222, 333333333333333333333333) -- a comment, (x)",
        "SELECT f(1111111111111111111111111, 2222222222222222222222222222, 333333333333333333333333) -- a comment, (x)");
    assert_laid_out("SELECT f(1111111111111111111111111, 2222222222222222222222222222, 333333333333333333333333), $$a, (b$$ AS x",
        "SELECT f(1111111111111111111111111, 2222222222222222222222222222, 333333333333333333333333), $$a, (b$$ AS x");
    assert_laid_out("SELECT f('111111111111111111, 1111111', E'22222222\\', 22222222222222', 333333333333333333, 4444444444444)",
        "SELECT f(\n"
        "    '111111111111111111, 1111111',\n"
        "    E'22222222\\', 22222222222222',\n"
        "    333333333333333333,\n"
        "    4444444444444\n"
        ")");
    assert_laid_out("SELECT 11111111111111111111111111111111111111111111111111111111111111111111111111111111111), (1, 2, 33333333333333333333333333333333333333333333",
        "SELECT 11111111111111111111111111111111111111111111111111111111111111111111111111111111111), (1, 2, 33333333333333333333333333333333333333333333");
}

static void print_forward(struct strbuf *out, enum instruction instruction, const char *forward)
{
    struct plan_action action = {.instruction = instruction, .forward = plan_sample_json(&arena, forward)};

    plan_action_print(out, &action);
}

static void every_instruction_reads_as_what_it_does(void **state)
{
    struct strbuf out = STRBUF_INIT;

    (void)state;
    print_forward(&out, INSTRUCTION_PG_EXEC, "{\"sql\":[\"SELECT 1;\",\" SELECT 2\\n\"]}");
    print_forward(&out, INSTRUCTION_DDB_CALL,
        "{\"action\":\"UpdateTable\",\"request\":{\"TableName\":\"t\",\"GlobalSecondaryIndexUpdates\":[{\"Create\":{\"IndexName\":"
        "\"EventTypeIndex\",\"KeySchema\":[{\"AttributeName\":\"eventType\",\"KeyType\":\"HASH\"}],\"Projection\":"
        "{\"ProjectionType\":\"ALL\"}}}]},\"wait\":{\"table\":\"t\",\"index\":\"EventTypeIndex\",\"until\":\"index_active\"}}");
    print_forward(&out, INSTRUCTION_DDB_PUT_ITEMS, "{\"table\":\"t\",\"items\":[{\"id\":{\"S\":\"a b\"},\"n\":{\"N\":\"1\"}}],\"key\":[\"id\"]}");
    print_forward(&out, INSTRUCTION_DDB_PUT_ITEMS, "{\"remove\":\"m/s/p\"}");
    print_forward(&out, INSTRUCTION_EVENT_REGISTER,
        "{\"registry\":\"r\",\"event\":\"E\",\"version\":2,\"compatibility\":\"backward\",\"schema\":{\"properties\":{\"a\":{},\"b\":{}}},"
        "\"upcast\":[{\"default\":{\"b\":\"'x'\"}}],\"downcast\":null,\"digest\":\"\"}");
    print_forward(&out, INSTRUCTION_EVENT_UPGRADE,
        "{\"event\":\"E\",\"to\":3,\"strategy\":\"in_place\",\"segments\":64,\"only\":{\"stream\":\"s1\"},\"max_wcu\":100,\"max_rcu\":null,"
        "\"upcasts\":[{\"version\":2,\"operators\":[{\"remove\":[\"x\"]}]},{\"version\":3,\"operators\":[]}]}");
    print_forward(&out, INSTRUCTION_EVENT_UPGRADE, "{\"restore\":\"m/s/p\"}");
    print_forward(&out, INSTRUCTION_BARRIER, "{}");
    assert_string_equal(out.data, "SELECT 1;\n"
        "SELECT 2;\n"
        "UpdateTable\n"
        "  TableName: t\n"
        "  GlobalSecondaryIndexUpdates:\n"
        "    - Create:\n"
        "        IndexName: EventTypeIndex\n"
        "        KeySchema: [{ AttributeName: eventType, KeyType: HASH }]\n"
        "        Projection: { ProjectionType: ALL }\n"
        "waits until index EventTypeIndex of table t is active\n"
        "puts 1 item into t, each only where none is\n"
        "  { id: { S: \"a b\" }, n: { N: \"1\" } }\n"
        "deletes the items that are still as they were written\n"
        "registers E version 2 in r, compatibility backward\n"
        "fields a, b\n"
        "upcast\n"
        "  - { default: { b: \"'x'\" } }\n"
        "brings stored E events to version 3, in_place, 64 segments, at most 100 WCU, only stream s1\n"
        "to version 2\n"
        "  - { remove: [x] }\n"
        "to version 3\n"
        "puts the pre-images back, where our version still stands\n"
        "waits until every step above is applied, on every target\n");
    strbuf_free(&out);
}

static void a_part_of_a_plan_keeps_its_numbers(void **state)
{
    struct plan_text_options options = {.selects = is_on_dynamodb, .context = "event_store"};
    struct strbuf out = STRBUF_INIT;

    (void)state;
    plan_text_print(&out, full_plan(), &options);
    assert_null(strstr(out.data, "AddInventoryItemAttributes on"));
    assert_non_null(strstr(out.data, "    4  create_table:inventory_events/create"));
    assert_non_null(strstr(out.data, "3 steps in 1 migration on 1 target\n"));
    strbuf_free(&out);
}

static void nothing_selected_is_said(void **state)
{
    struct plan_text_options options = {.selects = is_nothing};

    (void)state;
    assert_prints(plan_summary_print, full_plan(), &options, "0 steps in 0 migrations on 0 targets\n");
    assert_prints(plan_mermaid_print, full_plan(), &options,
        "flowchart TD\n  subgraph t0[\"operational\"]\n  end\n  subgraph t1[\"event_store\"]\n  end\n");
}

static void a_pull_request_gets_a_table_and_the_statements_folded(void **state)
{
    struct plan_text_options options = {0};

    (void)state;
    assert_prints(plan_markdown_print, full_plan(), &options, "### Plan of inventory-service for staging\n"
        "\n"
        "6 steps in 2 migrations on 2 targets\n"
        "\n"
        "- undo: 3 exactly, 1 exactly while a guard holds, 1 with a loss, 1 never\n"
        "- locks: 1 step blocks reads and writes\n"
        "- waits for: 1 gate\n"
        "- no return: 1 step\n"
        "- time: unknown for 5 steps\n"
        "\n"
        "| # | Step | Target | Phase | Blocks | Undo | Time |\n"
        "|--:|---|---|---|---|---|---|\n"
        "| 1 | `add_column:inventory_items.attributes/add` | operational | expand | reads and writes on `public.inventory_items` | exact while its guard holds; else lost: the values of column attributes | unknown |\n"
        "| 2 | `assert/check` | operational | expand | nothing | nothing to do | unknown |\n"
        "| 3 | `create_index:idx_attributes/create` | operational | expand | schema changes on `public.inventory_items` | exact | unknown |\n"
        "| 4 | `create_table:inventory_events/create` | event\\_store | expand | nothing | lossy, lost: every event in table inventory\\_events | unknown |\n"
        "| 5 | `register_event:StockReserved.1/register` | event\\_store | expand | nothing | exact | unknown |\n"
        "| 6 | `gate:readers-deployed/pass` **point of no return** | event\\_store | expand | nothing | impossible: readers may depend on it | unknown |\n"
        "\n"
        "<details><summary><b>1709123456789-AddInventoryItemAttributes</b> on operational: Free-form attributes for every inventory item</summary>\n"
        "\n"
        "**1.** `add_column:inventory_items.attributes/add`\n"
        "\n"
        "```sql\n"
        "ALTER TABLE public.inventory_items ADD COLUMN attributes jsonb NOT NULL DEFAULT '{}';\n"
        "```\n"
        "\n"
        "- must hold before: `SELECT true`\n"
        "- must hold after: `SELECT 1 = 1`\n"
        "- lock public.inventory\\_items: AccessExclusiveLock, blocks reads and writes\n"
        "- undo exact while its guard holds; else lost: the values of column attributes\n"
        "- guard `SELECT NOT EXISTS (SELECT FROM public.inventory_items WHERE attributes <> '{}')`\n"
        "\n"
        "```sql\n"
        "ALTER TABLE public.inventory_items DROP COLUMN attributes;\n"
        "```\n"
        "\n"
        "**2.** `assert/check`\n"
        "\n"
        "```sql\n"
        "SELECT count(*) > 0\n"
        "  FROM public.inventory_items;\n"
        "-- must be true, or: no items\n"
        "```\n"
        "\n"
        "- undo nothing to do\n"
        "\n"
        "**3.** `create_index:idx_attributes/create`\n"
        "\n"
        "```sql\n"
        "CREATE INDEX CONCURRENTLY idx_attributes ON public.inventory_items USING gin (attributes);\n"
        "```\n"
        "\n"
        "- lock public.inventory\\_items: ShareUpdateExclusiveLock, blocks schema changes; reads all of it\n"
        "- allows PG210: the table is small\n"
        "- undo exact\n"
        "\n"
        "```sql\n"
        "DROP INDEX CONCURRENTLY public.idx_attributes;\n"
        "```\n"
        "\n"
        "</details>\n"
        "\n"
        "<details><summary><b>1709123456789-CreateInventoryEventsTable</b> on event_store</summary>\n"
        "\n"
        "**4.** `create_table:inventory_events/create`\n"
        "\n"
        "```yaml\n"
        "CreateTable\n"
        "  TableName: inventory_events\n"
        "  BillingMode: PAY_PER_REQUEST\n"
        "waits until table inventory_events is active\n"
        "```\n"
        "\n"
        "- undo lossy, lost: every event in table inventory\\_events\n"
        "\n"
        "```yaml\n"
        "DeleteTable\n"
        "  TableName: inventory_events\n"
        "waits until table inventory_events is absent\n"
        "```\n"
        "\n"
        "**5.** `register_event:StockReserved.1/register`\n"
        "\n"
        "```yaml\n"
        "registers StockReserved version 1 in inventory_event_schemas, compatibility backward\n"
        "```\n"
        "\n"
        "- undo exact\n"
        "\n"
        "```yaml\n"
        "takes StockReserved version 1 out of inventory_event_schemas\n"
        "```\n"
        "\n"
        "**6.** `gate:readers-deployed/pass`\n"
        "\n"
        "```text\n"
        "waits for: the service reads version 1\n"
        "pass it with: invplan apply --pass readers-deployed\n"
        "```\n"
        "\n"
        "- undo impossible: readers may depend on it\n"
        "\n"
        "</details>\n");
}

static void the_script_has_transactions_and_comments(void **state)
{
    struct plan_text_options options = {0};

    (void)state;
    assert_prints(plan_sql_print, full_plan(), &options, "-- plan of inventory-service for staging: to read; `invplan apply` is what runs it\n"
        "\n"
        "BEGIN;\n"
        "\n"
        "-- 1709123456789-AddInventoryItemAttributes/add_column:inventory_items.attributes/add\n"
        "ALTER TABLE public.inventory_items ADD COLUMN attributes jsonb NOT NULL DEFAULT '{}';\n"
        "\n"
        "-- 1709123456789-AddInventoryItemAttributes/assert/check\n"
        "SELECT count(*) > 0\n"
        "  FROM public.inventory_items;\n"
        "-- must be true, or: no items\n"
        "\n"
        "COMMIT;\n"
        "\n"
        "-- 1709123456789-AddInventoryItemAttributes/create_index:idx_attributes/create\n"
        "CREATE INDEX CONCURRENTLY idx_attributes ON public.inventory_items USING gin (attributes);\n"
        "\n"
        "-- 1709123456789-CreateInventoryEventsTable/create_table:inventory_events/create\n"
        "-- CreateTable\n"
        "--   TableName: inventory_events\n"
        "--   BillingMode: PAY_PER_REQUEST\n"
        "-- waits until table inventory_events is active\n"
        "\n"
        "-- 1709123456789-CreateInventoryEventsTable/register_event:StockReserved.1/register\n"
        "-- registers StockReserved version 1 in inventory_event_schemas, compatibility backward\n"
        "\n"
        "-- 1709123456789-CreateInventoryEventsTable/gate:readers-deployed/pass\n"
        "-- waits for: the service reads version 1\n"
        "-- pass it with: invplan apply --pass readers-deployed\n");
}

static void the_flowchart_has_migrations_and_edges(void **state)
{
    struct plan_text_options options = {0};

    (void)state;
    assert_prints(plan_mermaid_print, full_plan(), &options, "flowchart TD\n"
        "  subgraph t0[\"operational\"]\n"
        "    m0[\"1709123456789-AddInventoryItemAttributes<br/>3 steps\"]\n"
        "  end\n"
        "  subgraph t1[\"event_store\"]\n"
        "    m1[\"1709123456789-CreateInventoryEventsTable<br/>3 steps, waits at a gate, point of no return\"]\n"
        "  end\n"
        "  m0 --> m1\n"
        "  m0 -. after .-> m1\n");
}

static void the_json_document_nests_steps_in_migrations(void **state)
{
    struct plan_text_options options = {.selects = is_on_dynamodb, .context = "event_store"};
    struct strbuf out = STRBUF_INIT;
    struct json_error error;
    const struct json *value;

    (void)state;
    plan_json_print(&out, full_plan(), &options);
    value = json_read(&arena, strbuf_view(&out), JSON_STRICT, &error);
    assert_non_null(value);
    assert_string_equal(json_string(json_get(value, "environment")), "staging");
    assert_int_equal(json_get(value, "migrations")->count, 1);
    value = json_at(json_get(value, "migrations"), 0);
    assert_int_equal(json_get(value, "steps")->count, 3);
    assert_string_equal(json_string(json_get(json_at(json_get(value, "steps"), 2), "step")),
        PLAN_SAMPLE_EVENTS "/gate:readers-deployed/pass");
    strbuf_free(&out);
}

static void colours_are_always_reset(void **state)
{
    struct plan_text_options plain = {0}, coloured = {.colour = true};
    struct strbuf a = STRBUF_INIT, b = STRBUF_INIT, stripped = STRBUF_INIT;
    bool open = false;

    (void)state;
    plan_text_print(&a, full_plan(), &plain);
    plan_text_print(&b, full_plan(), &coloured);
    for (const char *c = b.data; *c; c++) {
        if (*c != '\033') {
            assert_false(*c == '\n' && open);
            strbuf_append_char(&stripped, *c);
            continue;
        }
        open = strncmp(c, "\033[0m", 4) != 0;
        c = strchr(c, 'm');
    }
    assert_string_equal(stripped.data, a.data);
    strbuf_free(&a);
    strbuf_free(&b);
    strbuf_free(&stripped);
}

static void hostile_text_cannot_drive_a_terminal_or_open_markup(void **state)
{
    struct plan *plan = full_plan();
    struct plan_text_options options = {0};
    struct strbuf out = STRBUF_INIT;

    (void)state;
    plan->migrations.items[0].description = "<script>alert(1)</script> | `x` \033[2J";
    plan->steps.items[0].action.forward =
        plan_sample_json(&arena, "{\"sql\":[\"SELECT '\\u001b[2J\\u202e' -- ```\\n```\\nx\"]}");
    plan_text_print(&out, plan, &options);
    assert_null(strchr(out.data, '\033'));
    assert_non_null(strstr(out.data, "<U+001B>[2J<U+202E>"));
    strbuf_clear(&out);
    plan_markdown_print(&out, plan, &options);
    assert_null(strchr(out.data, '\033'));
    assert_null(strstr(out.data, "<script>"));
    assert_non_null(strstr(out.data, "&lt;script>alert(1)&lt;/script> "));
    assert_non_null(strstr(out.data, "````sql\n"));
    strbuf_free(&out);
}

static void printable_text_is_left_alone(void **state)
{
    struct strbuf out = STRBUF_INIT;

    (void)state;
    printable_append(&out, STR("a\tb\nc \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"));
    assert_string_equal(out.data, "a    b\nc \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
    strbuf_clear(&out);
    printable_append_line(&out, STR("a\tb\nc\r\x7F\xC2\x85\xFF\xE2\x80"));
    assert_string_equal(out.data, "a b c<U+000D><U+007F><U+0085><0xFF><0xE2><0x80>");
    strbuf_clear(&out);
    markdown_put_code(&out, STR("a`b|c"));
    assert_string_equal(out.data, "`` a`b\\|c ``");
    strbuf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_terminals_view_shows_what_is_run_and_what_it_blocks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(backfills_read_as_the_update_they_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_statements_get_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_instruction_reads_as_what_it_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_part_of_a_plan_keeps_its_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_selected_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_pull_request_gets_a_table_and_the_statements_folded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_script_has_transactions_and_comments, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_flowchart_has_migrations_and_edges, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_json_document_nests_steps_in_migrations, set_up, tear_down),
        cmocka_unit_test_setup_teardown(colours_are_always_reset, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hostile_text_cannot_drive_a_terminal_or_open_markup, set_up, tear_down),
        cmocka_unit_test_setup_teardown(printable_text_is_left_alone, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
