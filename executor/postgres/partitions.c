/*
 * An index of a partitioned table without keeping anybody from writing: the index of the table itself is made ON ONLY
 * it, which touches no row; each partition's is built concurrently and attached to it; it is valid once all are. What
 * is there is looked at anew before each statement, so an attempt that was cut off is simply gone on with, and a
 * partition that comes in the meantime (it gets its index at once) is nothing special.
 *
 * Whoever resumes knows a partition's index by its name: the plan has the names of those that were known when it was
 * made; that of another is made of the partition's name and the table's index's.
 */
#include <stdio.h>
#include <string.h>

#include "executor/postgres/postgres.h"
#include "spec/exit.h"

enum { SAME_STATEMENT_MAX = 3 };

/* As the instruction's forward, or its form as an inverse, has it. */
struct partitioned_index {
    const char *index; /* qualified */
    const char *name;  /* without its schema, unquoted */
    const char *table; /* qualified */
    const char *definition;
    const char *names; /* JSON: the index of each partition that was known when the plan was made */
    bool unique;
    bool dropping;
};

/* A table of the tree, and its index. */
struct partition {
    const char *relation;
    char kind; /* pg_class.relkind */
    bool root;
    const char *index_name; /* quoted */
    const char *index;      /* qualified */
    bool exists;            /* something has that name */
    bool ours;              /* and is an index of this table */
    bool valid;
    bool covered;             /* the table has an index that belongs to the root's */
    const char *parent_index; /* qualified; NULL: there is none yet */
};

struct partition_list {
    VEC(struct partition) items;
};

static bool read_form(
    const struct plan_step *step, bool inverse, struct arena *arena, struct partitioned_index *out, struct error *error)
{
    const struct json *forward = inverse ? step->inverse.action.forward : step->action.forward;
    const struct json *names = json_get(forward, "names");
    struct strbuf text = STRBUF_INIT;

    *out = (struct partitioned_index){.index = json_string(json_get(forward, "index")),
        .name = json_string(json_get(forward, "name")),
        .table = json_string(json_get(forward, "table")),
        .definition = json_string(json_get(forward, "definition"))};
    if (json_get(forward, "drop")) {
        out->index = json_string(json_get(forward, "drop"));
        out->dropping = true;
    }
    out->unique = json_bool(json_get(forward, "unique"), false);
    if (json_is(names, JSON_OBJECT))
        json_write(&text, names);
    out->names = text.len ? strbuf_copy(&text, arena).data : "{}";
    strbuf_free(&text);
    if (!out->index || !out->name || !out->table || (!out->dropping && !out->definition))
        return error_set(error, EXIT_STATUS_PLAN, "step '%s' has not the form of its instruction", step->id);
    return true;
}

/* --- what is there ------------------------------------------------------------------------------------------------ */

static const char list_sql[] =
    "WITH tree AS (SELECT t.relid, t.parentrelid, t.level, c.relkind, c.relname, c.relnamespace, n.nspname,"
    " CASE WHEN t.level = 0 THEN $2::text WHEN known.name IS NOT NULL THEN known.name WHEN "
    "pg_catalog.octet_length(c.relname || '_' || $2::text) <= 63"
    " THEN c.relname || '_' || $2::text ELSE 'index_' || pg_catalog.left(pg_catalog.encode(pg_catalog.sha256("
    "pg_catalog.convert_to(n.nspname || '.' || c.relname || '.' || $2::text, 'UTF8')), 'hex'), 32) END AS index_name"
    " FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass($1)) t JOIN pg_catalog.pg_class c ON c.oid = t.relid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL (SELECT $4::pg_catalog.jsonb ->>"
    " (pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)) AS name) known),"
    " family AS (SELECT i.indrelid, i.indexrelid FROM"
    " pg_catalog.pg_partition_tree(pg_catalog.to_regclass($3)) f JOIN pg_catalog.pg_index i ON i.indexrelid = f.relid)"
    " SELECT pg_catalog.quote_ident(tree.nspname) || '.' || pg_catalog.quote_ident(tree.relname), tree.relkind,"
    " tree.level = 0, pg_catalog.quote_ident(tree.index_name),"
    " pg_catalog.quote_ident(tree.nspname) || '.' || pg_catalog.quote_ident(tree.index_name),"
    " x.oid IS NOT NULL, i.indrelid IS NOT DISTINCT FROM tree.relid, COALESCE(i.indisvalid, false),"
    " EXISTS (SELECT FROM family f WHERE f.indrelid = tree.relid),"
    " (SELECT pg_catalog.quote_ident(pn.nspname) || '.' || pg_catalog.quote_ident(p.relname) FROM family f"
    " JOIN pg_catalog.pg_class p ON p.oid = f.indexrelid JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace"
    " WHERE f.indrelid = tree.parentrelid)"
    " FROM tree LEFT JOIN pg_catalog.pg_class x ON x.relname = tree.index_name AND x.relnamespace = tree.relnamespace"
    " LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = x.oid ORDER BY tree.level, 1";

static bool list_partitions(struct postgres_driver *driver, struct arena *arena, const struct partitioned_index *wanted,
    struct partition_list *out, struct error *error)
{
    enum { RELATION, KIND, ROOT, INDEX_NAME, INDEX, EXISTS, OURS, VALID, COVERED, PARENT_INDEX };
    struct pg_batch batch = pg_batch_make(arena);
    struct pg_rows rows;

    pg_add(&batch, list_sql);
    pg_param(&batch, wanted->table);
    pg_param(&batch, wanted->name);
    pg_param(&batch, wanted->index);
    pg_param(&batch, wanted->names);
    if (!pg_query(driver, arena, &batch, &rows, error))
        return false;
    *out = (struct partition_list){0};
    for (size_t i = 0; i < rows.row_count; i++) {
        const struct partition partition = {
            .relation = pg_text(&rows, i, RELATION),
            .kind = pg_text(&rows, i, KIND)[0],
            .root = pg_true(&rows, i, ROOT),
            .index_name = pg_text(&rows, i, INDEX_NAME),
            .index = pg_text(&rows, i, INDEX),
            .exists = pg_true(&rows, i, EXISTS),
            .ours = pg_true(&rows, i, OURS),
            .valid = pg_true(&rows, i, VALID),
            .covered = pg_true(&rows, i, COVERED),
            .parent_index = pg_text(&rows, i, PARENT_INDEX),
        };

        VEC_PUSH(arena, &out->items, partition);
    }
    return true;
}

/* --- what is to be done next -------------------------------------------------------------------------------------- */

struct next {
    const char *sql; /* NULL: nothing */
    bool concurrent; /* waits without blocking anybody: no lock time-out */
    const char *point;
};

static bool next_of(struct arena *arena, const struct partitioned_index *wanted, const struct partition *partition,
    struct next *out, struct error *error)
{
    const char *unique = wanted->unique ? "UNIQUE " : "";

    if (partition->kind == 'f') {
        error_set(error, EXIT_STATUS_UNSUPPORTED, "partition %s is a foreign table, which has no indexes",
            partition->relation);
        return error_help(error, "detach it, or make the index in the database that it stands for");
    }
    if (partition->exists && !partition->ours) {
        error_set(
            error, EXIT_STATUS_DRIFT, "%s is in the way of the index of %s", partition->index, partition->relation);
        return error_help(error, "rename or drop it, then apply again");
    }
    if (!partition->exists && partition->kind == 'p') {
        out->point = "pg.partitions.only";
        out->sql = arena_printf(arena, "CREATE %sINDEX %s ON ONLY %s %s", unique, partition->index_name,
            partition->relation, wanted->definition);
    } else if (!partition->exists) {
        out->point = "pg.partitions.built";
        out->concurrent = true;
        out->sql = arena_printf(arena, "CREATE %sINDEX CONCURRENTLY %s ON %s %s", unique, partition->index_name,
            partition->relation, wanted->definition);
    } else if (partition->kind != 'p' && !partition->valid) {
        out->point = "pg.partitions.cleared";
        out->concurrent = true;
        out->sql = arena_printf(arena, "DROP INDEX CONCURRENTLY IF EXISTS %s", partition->index);
    } else if (!partition->parent_index) {
        return error_set(
            error, EXIT_STATUS_HALTED, "the parent of partition %s has no index to attach to", partition->relation);
    } else {
        out->point = "pg.partitions.attached";
        out->sql = arena_printf(arena, "ALTER INDEX %s ATTACH PARTITION %s", partition->parent_index, partition->index);
    }
    return true;
}

static bool next_to_make(struct postgres_driver *driver, struct arena *arena, const struct plan_step *step,
    const struct partitioned_index *wanted, struct next *out, struct error *error)
{
    const struct driver_env *env = driver->base.env;
    const struct partition *missing = NULL;
    struct partition_list list;
    size_t covered = 0;

    *out = (struct next){0};
    if (!list_partitions(driver, arena, wanted, &list, error))
        return false;
    if (!list.items.count)
        return error_set(error, EXIT_STATUS_DRIFT, "there is no partitioned table %s", wanted->table);
    for (size_t i = 0; i < list.items.count; i++) {
        covered += list.items.items[i].covered;
        if (!missing && !list.items.items[i].covered)
            missing = &list.items.items[i];
    }
    env->progress(env->context, step->id, (int64_t)covered, (int64_t)list.items.count, "partitions");
    return !missing || next_of(arena, wanted, missing, out, error);
}

/* The table's index goes with everything that is attached to it; what was built and not attached yet, by itself. */
static bool next_to_drop(struct postgres_driver *driver, struct arena *arena, const struct partitioned_index *wanted,
    struct next *out, struct error *error)
{
    struct partition_list list;

    *out = (struct next){0};
    if (!list_partitions(driver, arena, wanted, &list, error))
        return false;
    for (size_t i = 0; i < list.items.count; i++) {
        const struct partition *partition = &list.items.items[i];

        if (!partition->exists || !partition->ours)
            continue;
        out->concurrent = partition->kind != 'p';
        out->point = "pg.partitions.dropped";
        out->sql =
            arena_printf(arena, "DROP INDEX %sIF EXISTS %s", out->concurrent ? "CONCURRENTLY " : "", partition->index);
        return true;
    }
    return true;
}

static bool find_next(struct postgres_driver *driver, struct arena *arena, const struct plan_step *step,
    const struct partitioned_index *wanted, struct next *out, struct error *error)
{
    return wanted->dropping ? next_to_drop(driver, arena, wanted, out, error)
                            : next_to_make(driver, arena, step, wanted, out, error);
}

/* --- doing it ----------------------------------------------------------------------------------------------------- */

static bool may_go_on(struct postgres_driver *driver, struct arena *arena, struct error *error)
{
    const struct driver_env *env = driver->base.env;
    struct pg_batch batch = pg_batch_make(arena);

    env->tick(env->context);
    if (env->stopping(env->context))
        return error_set(error, EXIT_STATUS_RESUMABLE, "stopped between two partitions");
    pg_add_begin(driver, &batch);
    pg_add_lock(driver, &batch);
    pg_add_commit(&batch);
    return pg_run(driver->main, arena, &batch, NULL, NULL, error);
}

bool pg_index_partitions(struct postgres_driver *driver, const struct plan_step *step, bool inverse,
    struct driver_result *result, struct error *error)
{
    struct arena arena = ARENA_INIT, kept = ARENA_INIT;
    struct partitioned_index wanted;
    const char *last = "";
    int repeated = 0;
    bool ok = read_form(step, inverse, &kept, &wanted, error);

    while (ok) {
        struct next next;

        arena_reset(&arena);
        ok = find_next(driver, &arena, step, &wanted, &next, error);
        if (!ok || !next.sql)
            break;
        repeated = strcmp(next.sql, last) == 0 ? repeated + 1 : 0;
        last = arena_strdup(&kept, next.sql);
        if (repeated == SAME_STATEMENT_MAX) {
            ok = error_set(error, EXIT_STATUS_HALTED, "a statement succeeds and changes nothing: %s", last);
            break;
        }
        ok = may_go_on(driver, &arena, error) &&
             pg_run_alone(driver, step, next.concurrent ? 0 : step->timeouts.lock_ms, next.sql, result, error);
        if (ok)
            pg_reach(driver, next.point);
    }
    arena_free(&kept);
    arena_free(&arena);
    return ok;
}

bool pg_probe_partitions(struct postgres_driver *driver, const struct plan_step *step, bool inverse,
    struct probe_answer *out, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct partitioned_index wanted;
    struct next next;
    bool ok = true;

    if (out->state == PROBE_HALF_DONE)
        out->state = PROBE_NOT_DONE; /* the next attempt goes on from it */
    if (out->state == PROBE_DONE && inverse) {
        ok = read_form(step, inverse, &arena, &wanted, error) &&
             (!wanted.dropping || next_to_drop(driver, &arena, &wanted, &next, error));
        if (ok && wanted.dropping && next.sql) {
            out->state = PROBE_NOT_DONE;
            snprintf(out->detail, sizeof(out->detail), "partitions have an index of it still");
        }
    }
    arena_free(&arena);
    return ok;
}
