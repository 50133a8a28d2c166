/* Building batches and reading their results; what needs no libpq. */
#include "executor/postgres/conn.h"

struct pg_batch pg_batch_make(struct arena *arena)
{
    return (struct pg_batch){.arena = arena};
}

struct pg_statement *pg_add(struct pg_batch *batch, const char *sql)
{
    struct pg_statement statement = {.sql = sql, .step = -1};

    VEC_PUSH(batch->arena, &batch->statements, statement);
    return &batch->statements.items[batch->statements.count - 1];
}

struct pg_statement *pg_add_named(struct pg_batch *batch, const char *name, const char *sql)
{
    struct pg_statement *statement = pg_add(batch, sql);

    statement->name = name;
    return statement;
}

void pg_param(struct pg_batch *batch, const char *text)
{
    VEC_PUSH(batch->arena, &batch->statements.items[batch->statements.count - 1].params, text);
}

void pg_param_integer(struct pg_batch *batch, int64_t value)
{
    pg_param(batch, arena_printf(batch->arena, "%lld", (long long)value));
}

void pg_param_list(struct pg_batch *batch, const char *const *items, size_t count)
{
    struct strbuf text = STRBUF_INIT;
    struct str copy;

    strbuf_append_char(&text, '{');
    for (size_t i = 0; i < count; i++) {
        if (i)
            strbuf_append_char(&text, ',');
        if (!items[i]) {
            strbuf_append_text(&text, "NULL");
            continue;
        }
        strbuf_append_char(&text, '"');
        for (const char *c = items[i]; *c; c++) {
            if (*c == '"' || *c == '\\')
                strbuf_append_char(&text, '\\');
            strbuf_append_char(&text, *c);
        }
        strbuf_append_char(&text, '"');
    }
    strbuf_append_char(&text, '}');
    copy = strbuf_copy(&text, batch->arena);
    strbuf_free(&text);
    pg_param(batch, copy.data);
}

struct str pg_cell(const struct pg_rows *result, size_t row, size_t column)
{
    if (row >= result->row_count || column >= result->column_count)
        return (struct str){0};
    return result->cells[row * result->column_count + column];
}

const char *pg_text(const struct pg_rows *result, size_t row, size_t column)
{
    return pg_cell(result, row, column).data;
}

int64_t pg_integer(const struct pg_rows *result, size_t row, size_t column, int64_t fallback)
{
    int64_t value;

    return str_to_i64(pg_cell(result, row, column), &value) ? value : fallback;
}

bool pg_true(const struct pg_rows *result, size_t row, size_t column)
{
    return str_is(pg_cell(result, row, column), "t");
}
