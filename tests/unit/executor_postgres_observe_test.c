/* The PostgreSQL driver: definitions of objects as the server says them. */
#include "tests/unit/executor_postgres_schema.h"

static struct json *observe(const char *object)
{
    struct json *all;

    assert_ok(driver_postgres.observe(world->driver, &world->arena, &object, 1, &all, &error));
    return (struct json *)json_get(all, object);
}

static const char *show(const struct json *value)
{
    struct strbuf text = STRBUF_INIT;
    const char *copy;

    if (!value)
        return "(left out)";
    json_write(&text, value);
    copy = arena_strndup(&world->arena, text.data, text.len);
    strbuf_free(&text);
    return copy;
}

/* In whatever order the members are. */
static void assert_is(const struct json *value, const char *wanted)
{
    if (!json_equal(value, json_text_of(wanted)))
        fail_msg("%s is not %s", show(value), wanted);
}

static void every_kind_is_described_and_absence_is_null(void **state)
{
    static const char *const objects[] = {"table app.t", "index app.t_name_idx", "constraint app.t.positive",
        "column app.t.\"Odd col\"", "trigger app.t.tr", "policy app.t.pol", "schema app", "extension plpgsql",
        "type app.colour", "domain app.email", "sequence app.numbers", "view app.v", "materialized_view app.mv",
        "function app.f(integer, text)", "table app.part", "table app.part_1"};
    enum { COUNT = sizeof(objects) / sizeof(objects[0]) };
    struct json *all;

    (void)state;
    make_schema();
    assert_ok(driver_postgres.observe(world->driver, &world->arena, objects, COUNT, &all, &error));
    assert_int_equal(all->count, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        if (!json_is(json_get(all, objects[i]), JSON_OBJECT))
            fail_msg("%s: %s", objects[i], show(json_get(all, objects[i])));
    drop_schema();
    assert_ok(driver_postgres.observe(world->driver, &world->arena, objects, COUNT, &all, &error));
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(json_is(json_get(all, objects[i]), JSON_NULL), strcmp(objects[i], "extension plpgsql") != 0);
}

static void the_definition_says_what_it_is(void **state)
{
    const struct json *table, *columns;

    (void)state;
    make_schema();
    table = observe("table app.t");
    columns = json_get(table, "columns");
    assert_int_equal(columns->count, 9);
    assert_is(json_at(columns, 0), "{\"name\":\"id\",\"type\":\"integer\",\"not_null\":true}");
    assert_is(
        json_at(columns, 1), "{\"name\":\"name\",\"type\":\"text\",\"not_null\":true,\"default\":\"'x'::text\"}");
    assert_is(json_at(columns, 2), "{\"name\":\"Odd col\",\"type\":\"numeric(10,2)\",\"not_null\":false}");
    assert_string_equal(show(json_get(json_at(columns, 8), "type")), "\"app.colour\"");
    assert_string_equal(show(json_get(json_at(columns, 6), "generated")), "\"(id * 2)\"");
    assert_string_equal(show(json_get(json_at(columns, 7), "identity")), "\"by default\"");
    assert_is(json_get(json_get(table, "constraints"), "positive"),
        "{\"definition\":\"CHECK ((id > 0))\",\"valid\":true}");
    assert_string_equal(show(json_get(observe("type app.colour"), "labels")), "[\"red\",\"green\"]");
    assert_string_equal(show(json_get(observe("index app.t_name_idx"), "definition")),
        "\"CREATE INDEX t_name_idx ON app.t USING btree (name)\"");
    assert_string_equal(show(json_get(observe("table app.part_1"), "partition_bound")),
        "\"FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')\"");
}

/* Parts that are objects of their own in the effect of a step; the drift tests have the rest. */
static const struct mutation {
    const char *sql;
    const char *object;
} mutations[] = {
    {"ALTER TABLE app.t ALTER COLUMN \"Odd col\" TYPE numeric(12,2)", "column app.t.\"Odd col\""},
    {"ALTER TABLE app.t ALTER COLUMN name SET DEFAULT 'y'", "column app.t.name"},
    {"GRANT SELECT (name) ON app.t TO invplan_test_reader", "column app.t.name"},
    {"ALTER TABLE app.t DROP CONSTRAINT positive", "constraint app.t.positive"},
    {"ALTER TABLE app.t DISABLE TRIGGER tr", "trigger app.t.tr"},
    {"ALTER POLICY pol ON app.t TO invplan_test_reader", "policy app.t.pol"},
};

static void every_single_change_of_a_part_shows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(mutations) / sizeof(mutations[0]); i++) {
        const char *before;

        make_schema();
        before = show(observe(mutations[i].object));
        /* Looking twice sees the same. */
        assert_string_equal(before, show(observe(mutations[i].object)));
        mutate(mutations[i].sql);
        if (strcmp(before, show(observe(mutations[i].object))) == 0)
            fail_msg("'%s' does not show in %s", mutations[i].sql, before);
    }
    drop_schema();
}

static void what_is_no_change_does_not_show(void **state)
{
    static const char *const harmless[] = {"INSERT INTO app.t (id) VALUES (1)", "ANALYZE app.t",
        "SELECT nextval('app.numbers')", "CREATE INDEX another ON app.t (made)",
        "CREATE TABLE app.unrelated (t integer REFERENCES app.t)", "VACUUM FULL app.t"};
    static const char *const objects[] = {"table app.t", "index app.t_name_idx", "sequence app.numbers", "schema app"};
    const char *before[4];

    (void)state;
    make_schema();
    for (size_t i = 0; i < 4; i++)
        before[i] = show(observe(objects[i]));
    for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
        admin_do(harmless[i]);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(before[i], show(observe(objects[i])));
}

static void settings_of_a_role_make_no_difference(void **state)
{
    const char *before;

    (void)state;
    make_schema();
    before = show(observe("table app.t"));
    admin_do(arena_printf(&world->arena, "ALTER DATABASE %s SET timezone = 'Asia/Kolkata'", world->database));
    admin_do(arena_printf(&world->arena, "ALTER DATABASE %s SET search_path = app", world->database));
    admin_do(arena_printf(&world->arena, "ALTER DATABASE %s SET datestyle = 'German'", world->database));
    come_back();
    assert_string_equal(before, show(observe("table app.t")));
    admin_do(arena_printf(&world->arena, "ALTER DATABASE %s RESET ALL", world->database));
}

static void names_that_need_quotes_are_found(void **state)
{
    (void)state;
    admin_do("CREATE SCHEMA \"My.Schema\"");
    admin_do("CREATE TABLE \"My.Schema\".\"a \"\"quoted\"\" Table\" (x integer)");
    assert_true(json_is(observe("table \"My.Schema\".\"a \"\"quoted\"\" Table\""), JSON_OBJECT));
    assert_true(json_is(observe("column \"My.Schema\".\"a \"\"quoted\"\" Table\".x"), JSON_OBJECT));
    assert_true(json_is(observe("schema \"My.Schema\""), JSON_OBJECT));
    admin_do("DROP SCHEMA \"My.Schema\" CASCADE");
}

static void names_that_cannot_be_read_and_unknown_kinds_are_left_out(void **state)
{
    (void)state;
    assert_null(observe("weather app.t"));
    assert_null(observe("table app"));
    assert_null(observe("table app.t.x.y"));
    assert_null(observe("table \"unclosed"));
    assert_null(observe("table"));
    assert_null(observe(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(every_kind_is_described_and_absence_is_null),
        WORLD_TEST(the_definition_says_what_it_is),
        WORLD_TEST(every_single_change_of_a_part_shows),
        WORLD_TEST(what_is_no_change_does_not_show),
        WORLD_TEST(settings_of_a_role_make_no_difference),
        WORLD_TEST(names_that_need_quotes_are_found),
        WORLD_TEST(names_that_cannot_be_read_and_unknown_kinds_are_left_out),
    };
    int failures;

    if (!world_prepare(true))
        return 0;
    failures = cmocka_run_group_tests(tests, NULL, NULL);
    world_prepare(false);
    return failures;
}
