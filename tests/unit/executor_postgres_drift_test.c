/*
 * Drift on a real server: one change at a time, and the whole of what is found, word for word; and nothing where
 * nothing was changed, also with PostGIS and everything that it brings along.
 */
#include "executor/drift.h"
#include "tests/unit/executor_postgres_schema.h"

static const char *const objects[] = {"table app.t", "table app.other", "table app.child", "index app.t_name_idx",
    "schema app", "extension plpgsql", "type app.colour", "type app.pair", "domain app.email", "sequence app.numbers",
    "view app.v", "materialized_view app.mv", "function app.f(integer, text)", "function app.tf()", "table app.part",
    "table app.part_1"};

enum { OBJECT_COUNT = sizeof(objects) / sizeof(objects[0]) };

static struct map observe_all(const char *const *names, size_t count, struct json **out)
{
    struct map map;

    assert_ok(driver_postgres.observe(world->driver, &world->arena, names, count, out, &error));
    map_init(&map, &world->arena);
    for (struct json *object = (*out)->child; object; object = object->next)
        map_put(&map, object->key, object);
    return map;
}

/* Each finding on a line. */
static const char *findings(const char *const *names, size_t count, const struct map *before)
{
    struct json *live;
    struct drift_list drift = {0};
    const char *text = "";

    observe_all(names, count, &live);
    drift_compare_all(&world->arena, names, count, before, live, &drift);
    for (size_t i = 0; i < drift.items.count; i++)
        text = arena_printf(&world->arena, "%s%s%s", text, i ? "\n" : "", drift.items.items[i].message);
    return text;
}

static const struct mutation {
    const char *sql;
    const char *found;
} mutations[] = {
    {"ALTER TABLE app.t ADD COLUMN extra integer", "column extra of table app.t is new"},
    {"ALTER TABLE app.t DROP COLUMN made", "column made of table app.t is gone"},
    {"ALTER TABLE app.t ALTER COLUMN \"Odd col\" TYPE numeric(12,2)",
        "column Odd col of table app.t: type is numeric(12,2), was numeric(10,2)"},
    {"ALTER TABLE app.t RENAME COLUMN made TO other_name",
        "column made of table app.t is gone\ncolumn other_name of table app.t is new"},
    {"ALTER TABLE app.t ALTER COLUMN name DROP NOT NULL", "column name of table app.t: not_null is false, was true"},
    {"ALTER TABLE app.t ALTER COLUMN name SET DEFAULT 'y'",
        "column name of table app.t: default is 'y'::text, was 'x'::text"},
    {"ALTER TABLE app.t ALTER COLUMN name DROP DEFAULT",
        "column name of table app.t: default is absent, was 'x'::text"},
    {"ALTER TABLE app.t ALTER COLUMN made SET DEFAULT now()",
        "column made of table app.t: default is now(), was '2024-01-01 00:00:00+00'::timestamp with time zone"},
    {"ALTER TABLE app.t ALTER COLUMN note TYPE text COLLATE \"C\"",
        "column note of table app.t: collation is pg_catalog.\"C\", was absent"},
    {"ALTER TABLE app.t ALTER COLUMN note SET STORAGE EXTERNAL",
        "column note of table app.t: storage is external, was absent"},
    {"ALTER TABLE app.t ALTER COLUMN note SET (n_distinct = 5)",
        "column note of table app.t: options is [\"n_distinct=5\"], was absent"},
    {"ALTER TABLE app.t ALTER COLUMN n DROP IDENTITY", "column n of table app.t: identity is absent, was by default"},
    {"ALTER TABLE app.t ALTER COLUMN n SET GENERATED ALWAYS",
        "column n of table app.t: identity is always, was by default"},
    {"ALTER TABLE app.t ALTER COLUMN twice DROP EXPRESSION",
        "column twice of table app.t: generated is absent, was (id * 2)"},
    {"ALTER TABLE app.t SET (fillfactor = 70)", "table app.t: options is [\"fillfactor=70\"], was absent"},
    {"ALTER TABLE app.t OWNER TO invplan_test_reader", "table app.t: owner is invplan_test_reader, was postgres\nindex "
                                                       "app.t_name_idx: owner is invplan_test_reader, was postgres"},
    {"GRANT SELECT ON app.t TO invplan_test_reader",
        "table app.t: acl is [\"invplan_test_reader=r/postgres\",\"postgres=arwdDxt/postgres\"], was absent"},
    {"GRANT SELECT (name) ON app.t TO invplan_test_reader",
        "column name of table app.t: acl is [\"invplan_test_reader=r/postgres\"], was absent"},
    {"COMMENT ON TABLE app.t IS 'hello'", "table app.t: comment is hello, was absent"},
    {"COMMENT ON COLUMN app.t.name IS 'hello'", "column name of table app.t: comment is hello, was absent"},
    {"ALTER TABLE app.t DROP CONSTRAINT positive", "constraint positive of table app.t is gone"},
    {"ALTER TABLE app.t RENAME CONSTRAINT positive TO above_zero",
        "constraint positive of table app.t is gone\nconstraint above_zero of table app.t is new"},
    {"ALTER TABLE app.t ADD CONSTRAINT small CHECK (id < 100)", "constraint small of table app.t is new"},
    {"ALTER TABLE app.t ADD CONSTRAINT small CHECK (id < 100) NOT VALID", "constraint small of table app.t is new"},
    {"ALTER TABLE app.t ADD CONSTRAINT fk FOREIGN KEY (id) REFERENCES app.other NOT VALID",
        "constraint fk of table app.t is new"},
    {"ALTER TABLE app.t ALTER CONSTRAINT t_c_fk DEFERRABLE INITIALLY DEFERRED",
        "constraint t_c_fk of table app.t: definition is FOREIGN KEY (other) REFERENCES app.other(id) DEFERRABLE "
        "INITIALLY DEFERRED, was FOREIGN KEY (other) REFERENCES app.other(id)"},
    {"COMMENT ON CONSTRAINT positive ON app.t IS 'why'",
        "constraint positive of table app.t: comment is why, was absent"},
    {"ALTER TABLE app.t DISABLE TRIGGER tr", "trigger tr of table app.t: enabled is disabled, was origin"},
    {"ALTER TABLE app.t ENABLE ALWAYS TRIGGER tr", "trigger tr of table app.t: enabled is always, was origin"},
    {"DROP TRIGGER tr ON app.t", "trigger tr of table app.t is gone"},
    {"CREATE TRIGGER tr2 AFTER INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION app.tf()",
        "trigger tr2 of table app.t is new"},
    {"CREATE OR REPLACE TRIGGER tr AFTER INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION app.tf()",
        "trigger tr of table app.t: definition is CREATE TRIGGER tr AFTER INSERT ON app.t FOR EACH ROW EXECUTE "
        "FUNCTION app.tf(), was CREATE TRIGGER tr BEFORE INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION app.tf()"},
    {"COMMENT ON TRIGGER tr ON app.t IS 'why'", "trigger tr of table app.t: comment is why, was absent"},
    {"ALTER POLICY pol ON app.t USING (id > 2)", "policy pol of table app.t: using is (id > 2), was (id > 1)"},
    {"ALTER POLICY pol ON app.t TO invplan_test_reader",
        "policy pol of table app.t: roles is [\"invplan_test_reader\"], was [\"public\"]"},
    {"ALTER POLICY pol ON app.t WITH CHECK (id > 3)", "policy pol of table app.t: check is (id > 3), was absent"},
    {"DROP POLICY pol ON app.t", "policy pol of table app.t is gone"},
    {"CREATE POLICY pol2 ON app.t AS RESTRICTIVE FOR SELECT USING (true)", "policy pol2 of table app.t is new"},
    {"ALTER TABLE app.t ENABLE ROW LEVEL SECURITY", "table app.t: row_security is true, was false"},
    {"ALTER TABLE app.t FORCE ROW LEVEL SECURITY", "table app.t: force_row_security is true, was false"},
    {"ALTER TABLE app.t REPLICA IDENTITY FULL", "table app.t: replica_identity is full, was absent"},
    {"ALTER TABLE app.t SET UNLOGGED", "table app.t: persistence is unlogged, was permanent"},
    {"CREATE RULE r AS ON DELETE TO app.t DO INSTEAD NOTHING", "rule r of table app.t is new"},
    {"ALTER TABLE app.other DISABLE RULE always", "rule always of table app.other: enabled is disabled, was absent"},
    {"ALTER TABLE app.t ALTER COLUMN note SET STATISTICS 500",
        "column note of table app.t: statistics is 500, was absent"},
    {"UPDATE pg_inherits SET inhdetachpending = true WHERE inhrelid = 'app.part_1'::regclass",
        "table app.part_1: inherits is [\"app.part, detach pending\"], was [\"app.part\"]"},
    {"DROP INDEX app.t_name_idx", "index app.t_name_idx is gone"},
    {"DROP INDEX app.t_name_idx; CREATE INDEX t_name_idx ON app.t (name DESC)",
        "index app.t_name_idx: definition is CREATE INDEX t_name_idx ON app.t USING btree (name DESC), was CREATE "
        "INDEX t_name_idx ON app.t USING btree (name)"},
    {"DROP INDEX app.t_name_idx; CREATE UNIQUE INDEX t_name_idx ON app.t (name)",
        "index app.t_name_idx: definition is CREATE UNIQUE INDEX t_name_idx ON app.t USING btree (name), was CREATE "
        "INDEX t_name_idx ON app.t USING btree (name)"},
    {"DROP INDEX app.t_name_idx; CREATE INDEX t_name_idx ON app.t (name) WHERE id > 5",
        "index app.t_name_idx: definition is CREATE INDEX t_name_idx ON app.t USING btree (name) WHERE (id > 5), was "
        "CREATE INDEX t_name_idx ON app.t USING btree (name)"},
    {"DROP INDEX app.t_name_idx; CREATE INDEX t_name_idx ON app.t USING hash (name)",
        "index app.t_name_idx: definition is CREATE INDEX t_name_idx ON app.t USING hash (name), was CREATE INDEX "
        "t_name_idx ON app.t USING btree (name)"},
    {"UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'app.t_name_idx'::regclass",
        "index app.t_name_idx: valid is false, was true"},
    {"UPDATE pg_index SET indisready = false WHERE indexrelid = 'app.t_name_idx'::regclass",
        "index app.t_name_idx: ready is false, was true"},
    {"ALTER INDEX app.t_name_idx SET (fillfactor = 50)",
        "index app.t_name_idx: definition is CREATE INDEX t_name_idx ON app.t USING btree (name) WITH "
        "(fillfactor='50'), was CREATE INDEX t_name_idx ON app.t USING btree (name)"},
    {"COMMENT ON INDEX app.t_name_idx IS 'fast'", "index app.t_name_idx: comment is fast, was absent"},
    {"ALTER TABLE app.part DETACH PARTITION app.part_1",
        "table app.part_1: inherits is absent, was [\"app.part\"]\ntable app.part_1: partition_bound is absent, was "
        "FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')"},
    {"ALTER TABLE app.part DETACH PARTITION app.part_1; ALTER TABLE app.part ATTACH PARTITION app.part_1 FOR VALUES "
     "FROM ('2024-01-01') TO ('2026-01-01')",
        "table app.part_1: partition_bound is FOR VALUES FROM ('2024-01-01') TO ('2026-01-01'), was FOR VALUES FROM "
        "('2024-01-01') TO ('2025-01-01')"},
    {"ALTER TABLE app.child NO INHERIT app.other", "table app.child: inherits is absent, was [\"app.other\"]"},
    {"ALTER TYPE app.colour ADD VALUE 'blue' BEFORE 'red'",
        "type app.colour: labels is [\"blue\",\"red\",\"green\"], was [\"red\",\"green\"]"},
    {"ALTER TYPE app.colour RENAME VALUE 'red' TO 'crimson'",
        "type app.colour: labels is [\"crimson\",\"green\"], was [\"red\",\"green\"]"},
    {"ALTER TYPE app.pair ADD ATTRIBUTE c integer", "attribute c of type app.pair is new"},
    {"ALTER TYPE app.pair ALTER ATTRIBUTE b TYPE varchar(10)",
        "attribute b of type app.pair: type is character varying(10), was text"},
    {"COMMENT ON TYPE app.colour IS 'of the label'", "type app.colour: comment is of the label, was absent"},
    {"ALTER DOMAIN app.email SET NOT NULL", "domain app.email: not_null is true, was false"},
    {"ALTER DOMAIN app.email SET DEFAULT 'nobody@nowhere'",
        "domain app.email: default is 'nobody@nowhere'::text, was absent"},
    {"ALTER DOMAIN app.email ADD CONSTRAINT short CHECK (length(VALUE) < 100)",
        "constraint short of domain app.email is new"},
    {"ALTER SEQUENCE app.numbers INCREMENT 2", "sequence app.numbers: increment is 2, was 1"},
    {"ALTER SEQUENCE app.numbers MAXVALUE 1000 CYCLE",
        "sequence app.numbers: max is 1000, was 9223372036854775807\nsequence app.numbers: cycle is true, was false"},
    {"ALTER SEQUENCE app.numbers AS integer", "sequence app.numbers: type is integer, was bigint\nsequence "
                                              "app.numbers: max is 2147483647, was 9223372036854775807"},
    {"ALTER SEQUENCE app.numbers OWNED BY app.t.id", "sequence app.numbers: owned_by is app.t.id, was absent"},
    {"ALTER SEQUENCE app.numbers OWNER TO invplan_test_reader",
        "sequence app.numbers: owner is invplan_test_reader, was postgres"},
    {"CREATE OR REPLACE VIEW app.v AS SELECT id, name, made FROM app.t",
        "view app.v: definition is SELECT t.id, t.name, t.made FROM app.t;, was SELECT t.id, t.name FROM "
        "app.t;\ncolumn made of view app.v is new"},
    {"CREATE OR REPLACE VIEW app.v AS SELECT id, upper(name) AS name FROM app.t",
        "view app.v: definition is SELECT t.id, upper(t.name) AS name FROM app.t;, was SELECT t.id, t.name FROM "
        "app.t;"},
    {"ALTER VIEW app.v SET (security_barrier = true)",
        "view app.v: options is [\"security_barrier=true\"], was absent"},
    {"GRANT INSERT ON app.v TO invplan_test_reader",
        "view app.v: acl is [\"invplan_test_reader=a/postgres\",\"postgres=arwdDxt/postgres\"], was absent"},
    {"REFRESH MATERIALIZED VIEW app.mv WITH NO DATA", "materialized_view app.mv: populated is false, was true"},
    {"DROP MATERIALIZED VIEW app.mv", "materialized_view app.mv is gone"},
    {"CREATE OR REPLACE FUNCTION app.f(a integer, b text) RETURNS integer LANGUAGE sql AS 'SELECT 2'",
        "function app.f(integer, text): definition is CREATE OR REPLACE FUNCTION app.f(a integer, b text) RETURNS "
        "integer LANGUAGE sql AS $function$SELECT 2$function$, was CREATE OR REPLACE FUNCTION app.f(a integer, b text) "
        "RETURNS integer LANGUAGE sql AS $function$SELECT 1$function$"},
    {"ALTER FUNCTION app.f STABLE",
        "function app.f(integer, text): definition is CREATE OR REPLACE FUNCTION app.f(a integer, b text) RETURNS "
        "integer LANGUAGE sql STABLE AS $function$SELECT 1$function$, was CREATE OR REPLACE FUNCTION app.f(a integer, "
        "b text) RETURNS integer LANGUAGE sql AS $function$SELECT 1$function$"},
    {"ALTER FUNCTION app.f SECURITY DEFINER",
        "function app.f(integer, text): definition is CREATE OR REPLACE FUNCTION app.f(a integer, b text) RETURNS "
        "integer LANGUAGE sql SECURITY DEFINER AS $function$SELECT 1$function$, was CREATE OR REPLACE FUNCTION app.f(a "
        "integer, b text) RETURNS integer LANGUAGE sql AS $function$SELECT 1$function$"},
    {"REVOKE EXECUTE ON FUNCTION app.f FROM public",
        "function app.f(integer, text): acl is [\"postgres=X/postgres\"], was absent"},
    {"DROP FUNCTION app.f", "function app.f(integer, text) is gone"},
    {"GRANT USAGE ON SCHEMA app TO invplan_test_reader",
        "schema app: acl is [\"invplan_test_reader=U/postgres\",\"postgres=UC/postgres\"], was absent"},
    {"COMMENT ON SCHEMA app IS 'ours'", "schema app: comment is ours, was absent"},
    {"DROP TABLE app.t CASCADE",
        "table app.t is gone\nindex app.t_name_idx is gone\nview app.v is gone\nmaterialized_view app.mv is gone"},
};

enum { MUTATION_COUNT = sizeof(mutations) / sizeof(mutations[0]) };

static void each_single_change_is_named_exactly(void **state)
{
    size_t wrong = 0;

    (void)state;
    assert_true(MUTATION_COUNT >= 60);
    for (size_t i = 0; i < MUTATION_COUNT; i++) {
        struct json *seen;
        struct map before;
        const char *found;

        make_schema();
        before = observe_all(objects, OBJECT_COUNT, &seen);
        assert_string_equal(findings(objects, OBJECT_COUNT, &before), "");
        mutate(mutations[i].sql);
        found = findings(objects, OBJECT_COUNT, &before);
        if (strcmp(found, mutations[i].found) != 0) {
            fprintf(stderr, "%s\n  found:  %s\n  wanted: %s\n", mutations[i].sql, found, mutations[i].found);
            wrong++;
        }
    }
    drop_schema();
    assert_int_equal(wrong, 0);
}

static void a_foreign_key_that_is_not_enforced_is_named(void **state)
{
    static const char *const tables[] = {"app.t", "app.other"};

    (void)state;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        struct json *seen;
        struct map before;
        const char *found;

        make_schema();
        before = observe_all(objects, OBJECT_COUNT, &seen);
        admin_do(arena_printf(&world->arena, "ALTER TABLE %s DISABLE TRIGGER ALL", tables[i]));
        found = findings(objects, OBJECT_COUNT, &before);
        assert_non_null(strstr(found, "trigger RI_ConstraintTrigger_")); /* the server's name for it has a number */
        assert_non_null(strstr(found, arena_printf(&world->arena, " of table %s is new", tables[i])));
        admin_do(arena_printf(&world->arena, "ALTER TABLE %s ENABLE TRIGGER ALL", tables[i]));
        assert_string_equal(findings(objects, OBJECT_COUNT, &before), "");
    }
    drop_schema();
}

static void an_untouched_database_with_postgis_yields_none(void **state)
{
    static const char *const names[] = {"extension postgis", "table app.places", "index app.places_at", "table app.t",
        "index app.t_name_idx", "view app.near", "schema app", "sequence app.numbers", "function app.far(text)"};
    enum { COUNT = sizeof(names) / sizeof(names[0]) };
    static const char *const harmless[] = {"INSERT INTO app.places (at) VALUES ('POINT(1 2)')", "ANALYZE app.places",
        "VACUUM FULL app.places", "REINDEX TABLE app.places", "CLUSTER app.t USING t_name_idx",
        "SELECT nextval('app.numbers')", "UPDATE app.places SET at = 'POINT(2 3)'",
        "CREATE TABLE app.unrelated (id integer REFERENCES app.t)", "TRUNCATE app.places"};
    struct json *seen;
    struct map before;

    (void)state;
    make_schema();
    admin_do("CREATE EXTENSION IF NOT EXISTS postgis");
    admin_do("CREATE TABLE app.places (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
             " at geography(Point, 4326) NOT NULL, area public.geometry(Polygon, 4326) DEFAULT NULL)");
    admin_do("CREATE INDEX places_at ON app.places USING gist (at)");
    admin_do("CREATE VIEW app.near AS SELECT id FROM app.places WHERE ST_DWithin(at, 'POINT(0 0)'::geography, 1000)");
    admin_do("CREATE FUNCTION app.far(text) RETURNS boolean LANGUAGE sql AS 'SELECT true'");
    before = observe_all(names, COUNT, &seen);
    for (size_t i = 0; i < COUNT; i++)
        if (!json_is(json_get(seen, names[i]), JSON_OBJECT))
            fail_msg("%s is not observed", names[i]);
    for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
        admin_do(harmless[i]);
        assert_string_equal(findings(names, COUNT, &before), "");
    }
    /* Another session, other settings. */
    admin_do(arena_printf(&world->arena, "ALTER DATABASE %s SET search_path = app, public", world->database));
    admin_do(arena_printf(&world->arena, "ALTER DATABASE %s SET datestyle = 'German'", world->database));
    come_back();
    assert_string_equal(findings(names, COUNT, &before), "");
    admin_do(arena_printf(&world->arena, "ALTER DATABASE %s RESET ALL", world->database));
    drop_schema();
    admin_do("DROP EXTENSION postgis");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(each_single_change_is_named_exactly),
        WORLD_TEST(a_foreign_key_that_is_not_enforced_is_named),
        WORLD_TEST(an_untouched_database_with_postgis_yields_none),
    };
    int failures;

    if (!world_prepare(true))
        return 0;
    failures = cmocka_run_group_tests(tests, NULL, NULL);
    world_prepare(false);
    return failures;
}
