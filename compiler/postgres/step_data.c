/* Steps on rows: backfill and assert. */
#include <string.h>

#include "compiler/postgres/backend.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/probe.h"
#include "compiler/postgres/quote.h"
#include "compiler/value.h"

enum { BACKFILL_BATCH = 5000 };

/* --- backfill ---------------------------------------------------------------------------------------------------- */

/* The key to walk along: the authored one, or the primary key. NULL and diagnosed when there is none. */
static const char *const *find_key(struct backend *backend, const struct relation *relation, size_t *count)
{
    const struct node *node = backend_key(backend, "key");
    const struct constraint *primary = relation_primary_key(relation);
    const char *const *names;

    if (!node) {
        if (primary) {
            *count = primary->column_count;
            return primary->columns;
        }
        diag_add_help(backend->compilation->diags,
            backend_error(backend, DIAG(PG016), backend_key(backend, "table"),
                "table '%s' has no primary key to walk along", relation->name),
            "name the columns of a unique index in 'key:', or add a primary key before");
        return NULL;
    }
    if (!backend_read_names(backend, node, &names, count))
        return NULL;
    for (size_t i = 0; i < relation->indexes.count; i++) {
        const struct index *index = relation->indexes.items[i]->index;
        size_t matched = 0;

        for (size_t k = 0; k < index->element_count; k++) {
            const struct column *column =
                index->elements[k].column ? relation_find_column(relation, index->elements[k].column) : NULL;

            matched += column && column->not_null && relation_has_column_in(names, *count, column->name);
        }
        if (index->unique && !index->where && matched == *count && index->element_count == *count)
            return names;
    }
    backend_error(backend, DIAG(PG016), node,
        "table '%s' has no unique index over exactly these columns, all of them not null", relation->name);
    return NULL;
}

static bool all_new(const struct backend *backend, const struct relation *relation, const struct statement *statement)
{
    for (size_t i = 0; i < statement->assignment_count; i++) {
        const struct column *column = relation_find_column(relation, statement->assignments[i].column);

        if (!column || column->born != backend->analyser->ordinal)
            return false;
    }
    return true;
}

/* Columns that this migration added may hold what it wrote, and be dropped without a loss. */
static void remember_written(
    struct backend *backend, const struct relation *relation, const struct statement *statement)
{
    for (size_t i = 0; i < statement->assignment_count; i++)
        for (size_t k = 0; k < backend->added.count; k++) {
            struct added_column *added = &backend->added.items[k];
            const struct assignment *assignment = &statement->assignments[i];

            if (added->relation == relation && strcmp(added->column->name, assignment->column) == 0 &&
                assignment->sql && assignment->repeatable)
                VEC_PUSH(backend->arena, &added->written, assignment->sql);
        }
}

static const char *column_list(struct backend *backend, const struct statement *statement)
{
    struct strbuf buf = STRBUF_INIT;
    const char *result;

    for (size_t i = 0; i < statement->assignment_count; i++)
        strbuf_printf(&buf, "%s%s", i ? ", " : "", statement->assignments[i].column);
    result = strbuf_copy(&buf, backend->arena).data;
    strbuf_free(&buf);
    return result;
}

static void set_backfill_inverse(struct backend *backend, const struct relation *relation,
    const struct statement *statement, const char *part, bool keep_old, struct plan_inverse *out)
{
    struct json *forward = json_new(backend->arena, JSON_OBJECT);

    *out = (struct plan_inverse){.grade = GRADE_EXACT};
    if (keep_old) {
        out->action.instruction = INSTRUCTION_PG_BACKFILL;
        json_set_text(backend->arena, forward, "restore",
            arena_printf(backend->arena, "%s/%s/%s", backend->migration->id, backend->step->name, part));
        out->action.forward = forward;
        return;
    }
    out->action.none = true;
    if (all_new(backend, relation, statement))
        return;
    out->grade = GRADE_LOSSY;
    out->why = arena_printf(
        backend->arena, "the old values of %s of table %s", column_list(backend, statement), relation->qualified);
}

static struct json *key_json(
    struct backend *backend, const struct relation *relation, const char *const *key, size_t count)
{
    struct json *list = json_new(backend->arena, JSON_ARRAY);

    for (size_t i = 0; i < count; i++) {
        struct json *entry = json_new(backend->arena, JSON_OBJECT);
        const struct column *column = relation_find_column(relation, key[i]);

        json_set_text(backend->arena, entry, "name", quote_name(backend->arena, key[i]));
        json_set_text(backend->arena, entry, "type", column ? column->type.text : "text");
        json_append(list, entry);
    }
    return list;
}

/* A query that only asks, qualified. NULL and diagnosed when it is none. */
const char *step_read_query(struct backend *backend, const struct node *node)
{
    struct statement_list statements = {0};
    struct text *text = text_of_node(&backend->work, node);

    text->expect = "SelectStmt";
    if (analyse_only_qualify(backend->analyser, text, &statements) && statements.items.count)
        return statements.items.items[0].sql;
    backend->failed = true;
    return NULL;
}

static void set_duration(struct backend *backend, struct json *out, const char *key, const struct node *node)
{
    int64_t ms;

    if (node && value_to_ms(node_text(node), &ms))
        json_set_integer(backend->arena, out, key, ms);
}

/* Pauses and throttles; nothing is written for what is left out. */
static void set_throttle(struct backend *backend, struct json *forward)
{
    const struct node *node = backend_key(backend, "throttle");
    const struct node *locks = node_get(node, "waiting_locks"), *query = node_get(node, "query");
    struct json *throttle;
    int64_t limit;

    set_duration(backend, forward, "pause_ms", backend_key(backend, "pause"));
    if (!node)
        return;
    throttle = json_new(backend->arena, JSON_OBJECT);
    set_duration(backend, throttle, "replica_lag_ms", node_get(node, "replica_lag"));
    if (locks && node_to_i64(locks, &limit))
        json_set_integer(backend->arena, throttle, "waiting_locks", limit);
    if (query)
        json_set_text(backend->arena, throttle, "query", step_read_query(backend, query));
    json_set(backend->arena, forward, "throttle", throttle);
}

static const struct json *backfill_json(struct backend *backend, const struct relation *relation,
    const struct statement *statement, const struct json *key, bool keep_old)
{
    struct arena *arena = backend->arena;
    struct json *forward = json_new(arena, JSON_OBJECT), *columns = json_new(arena, JSON_ARRAY);
    int64_t batch = BACKFILL_BATCH;

    if (backend_key(backend, "batch"))
        node_to_i64(backend_key(backend, "batch"), &batch);
    for (size_t i = 0; i < statement->assignment_count; i++)
        json_append(columns, json_new_text(arena, quote_name(arena, statement->assignments[i].column)));
    json_set_text(arena, forward, "relation", relation->qualified);
    json_set(arena, forward, "key", json_clone(arena, key));
    json_set_text(arena, forward, "set", statement->marked[0]);
    json_set_text(arena, forward, "where", statement->marked[1]);
    json_set_integer(arena, forward, "batch", batch);
    json_set(arena, forward, "columns", columns);
    json_set(arena, forward, "keep_old", json_new_bool(arena, keep_old));
    set_throttle(backend, forward);
    return forward;
}

/* SET's list alone: what it assigns, and no clause behind it. */
static bool check_set(struct backend *backend, const struct node *set)
{
    static const char *const words[] = {"where", "from", "returning"};
    struct lexer lexer = {.text = node_text(set)};
    size_t depth = 0;
    bool distinct = false;

    if (!backend_check_fragment(backend, set, FRAGMENT_LIST))
        return false;
    for (struct lex_token token = lex_next(&lexer); token.kind != LEX_END; token = lex_next(&lexer)) {
        depth += lex_is(lexer.text, token, "(");
        depth -= lex_is(lexer.text, token, ")") && depth;
        for (size_t i = 0; !depth && !distinct && i < sizeof(words) / sizeof(words[0]); i++)
            if (lex_is(lexer.text, token, words[i])) {
                diag_report(backend->compilation->diags, DIAG(PG009), node_text_span(set, token.start, token.end),
                    "'%s' cannot stand here: 'set:' lists assignments, 'where:' picks the rows", words[i]);
                backend->failed = true;
                return false;
            }
        distinct = lex_is(lexer.text, token, "distinct");
    }
    return true;
}

static struct text *backfill_text(struct backend *backend, const struct name *table)
{
    const struct node *where = backend_key(backend, "where");
    struct text_builder builder;

    backend_begin(&builder, backend);
    text_add(&builder, "UPDATE ");
    text_add_name(&builder, table->quoted, table->node);
    text_add(&builder, " SET ");
    text_begin_mark(&builder, 0);
    text_add_fragment(&builder, backend_key(backend, "set"));
    text_end_mark(&builder, 0);
    if (where) {
        text_add(&builder, " WHERE (");
        text_begin_mark(&builder, 1);
        text_add_fragment(&builder, where);
        text_end_mark(&builder, 1);
        text_add(&builder, ")");
    }
    return text_end(&builder);
}

/* A backfill of this UPDATE, whose marks are the list of SET and the condition. */
static void make_backfill(struct backend *backend, const struct name *table, struct text *text)
{
    struct lowered_part lowered = {.part = "fill"};
    struct part part = {.name = "fill"};
    const struct statement *statement;
    const struct relation *relation;
    const char *const *key;
    bool keep_old;
    size_t count;

    backend->analyser->quiet = true; /* it goes in batches: what is said of one UPDATE does not hold */
    part_add_text(backend, &part, text, "UpdateStmt");
    backend->analyser->quiet = false;
    relation = catalog_find_relation(&backend->analyser->catalog, table->schema, table->name);
    if (backend->failed || !relation || !(key = find_key(backend, relation, &count)))
        return;
    statement = &part.statements.items.items[0];
    keep_old = backend_flag(backend, "keep_old", !all_new(backend, relation, statement));
    remember_written(backend, relation, statement);
    part_describe(backend, &part.statements, &lowered.step);
    lowered.span = statement_span(statement);
    lowered.step.action.instruction = INSTRUCTION_PG_BACKFILL;
    lowered.step.action.forward =
        backfill_json(backend, relation, statement, key_json(backend, relation, key, count), keep_old);
    if (backend_key(backend, "wait"))
        value_to_ms(node_text(backend_key(backend, "wait")), &lowered.step.timeouts.wait_ms);
    set_backfill_inverse(backend, relation, statement, lowered.part, keep_old, &lowered.step.inverse);
    backend->separate_next = false;
    VEC_PUSH(backend->arena, &backend->out->items, lowered);
}

void step_backfill(struct backend *backend)
{
    const struct node *where = backend_key(backend, "where");
    struct name table;

    if (backend_read_name(backend, backend_key(backend, "table"), &table) &&
        check_set(backend, backend_key(backend, "set")) &&
        (!where || backend_check_fragment(backend, where, FRAGMENT_SINGLE)))
        make_backfill(backend, &table, backfill_text(backend, &table));
}

void step_fill_column(struct backend *backend, const char *column, const struct node *node, size_t from, size_t to)
{
    const char *quoted = quote_name(backend->arena, column);
    struct text_builder builder;
    struct name table;

    if (!backend_read_name(backend, backend_key(backend, "table"), &table))
        return;
    backend_begin(&builder, backend);
    text_add_format(&builder, "UPDATE %s SET ", table.quoted);
    text_begin_mark(&builder, 0);
    text_add_format(&builder, "%s =", quoted);
    text_add_range(&builder, node, from, to);
    text_end_mark(&builder, 0);
    text_add(&builder, " WHERE (");
    text_begin_mark(&builder, 1);
    text_add_format(&builder, "%s IS NULL", quoted);
    text_end_mark(&builder, 1);
    text_add(&builder, ")");
    make_backfill(backend, &table, text_end(&builder));
}

void step_fill_from(struct backend *backend, const char *column, const char *expression, const char *where)
{
    struct text_builder builder;
    struct name table;

    if (!backend_read_name(backend, backend_key(backend, "table"), &table))
        return;
    backend_begin(&builder, backend);
    text_add_format(&builder, "UPDATE %s SET ", table.quoted);
    text_begin_mark(&builder, 0);
    text_add_format(&builder, "%s = ", quote_name(backend->arena, column));
    text_add(&builder, expression);
    text_end_mark(&builder, 0);
    text_add(&builder, " WHERE (");
    text_begin_mark(&builder, 1);
    text_add(&builder, where);
    text_end_mark(&builder, 1);
    text_add(&builder, ")");
    make_backfill(backend, &table, text_end(&builder));
}

/* --- assert ------------------------------------------------------------------------------------------------------ */

void step_assert(struct backend *backend)
{
    const struct node *query = backend_key(backend, "query"), *message = backend_key(backend, "message");
    struct lowered_part lowered = {.part = "check", .new_transaction = backend->separate_next};
    struct json *forward = json_new(backend->arena, JSON_OBJECT);
    struct part part = {.name = "check"};

    if (!part_add_text(backend, &part, text_of_node(&backend->work, query), "SelectStmt") ||
        !part.statements.items.count)
        return;
    part_describe(backend, &part.statements, &lowered.step);
    lowered.span = query->span;
    lowered.step.action.instruction = INSTRUCTION_PG_ASSERT;
    json_set_text(backend->arena, forward, "sql", part.statements.items.items[0].sql);
    json_set_text(backend->arena, forward, "message",
        message ? node_string(backend->arena, message)
                : arena_printf(backend->arena, "the assertion does not hold: %s", part.statements.items.items[0].sql));
    lowered.step.action.forward = forward;
    lowered.step.inverse = (struct plan_inverse){.grade = GRADE_EXACT, .action.none = true};
    backend->separate_next = false;
    VEC_PUSH(backend->arena, &backend->out->items, lowered);
}
