/* SQL text through the parser and the analysis, against a small catalogue: nothing may crash, hang or leak. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "compiler/postgres/analyse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char setup[] =
    "create table r (id int primary key, k int unique);"
    "create table t (id bigserial primary key, a int not null default 0, b text, r int references r, check (a > 0));"
    "create index i on t (lower(b)) where a > 1; create type mood as enum ('sad', 'ok'); create domain d as int check "
    "(value > 0);"
    "create view v as select * from t; create materialized view m as select a from t; create sequence s;"
    "create function f(a int) returns int language sql as 'select 1';"
    "create table p (id int, k int) partition by range (k); create table p1 partition of p default;";

static const struct text *migrate(
    struct arena *arena, struct analyser *analyser, struct str sql, struct statement_list *statements)
{
    const struct text *text = text_of_source(arena, source_create(arena, "x.sql", sql));

    analyser_begin(analyser, NULL);
    analyse(analyser, text, statements);
    return text;
}

static void run(struct arena *arena, struct analyser *analyser, struct str sql)
{
    struct statement_list statements = {0};
    const struct text *text = migrate(arena, analyser, sql, &statements);

    for (size_t i = 0; i < statements.items.count; i++) {
        struct plan_inverse inverse;
        const struct statement *statement = &statements.items.items[i];

        inverse_to_plan(&statement->inverse, arena, &inverse);
        for (size_t k = 0; k < statement->objects.count; k++)
            catalog_definition(&analyser->catalog, arena, &statement->objects.items[k]);
    }
    statements.items.count = 0;
    analyse_only_qualify(analyser, text, &statements);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT;
    struct strbuf out = STRBUF_INIT;
    struct diag_list diags;
    struct analyser *analyser;
    struct statement_list before = {0};

    if (size > 64 * 1024)
        return 0;
    diag_list_init(&diags, &arena);
    analyser = analyser_create(&arena, &diags, "public");
    migrate(&arena, analyser, str_from(setup), &before);
    run(&arena, analyser, (struct str){arena_strndup(&arena, (const char *)data, size), size});
    diag_list_sort(&diags);
    diag_list_print(&diags, &out);
    strbuf_free(&out);
    analyser_free(analyser);
    arena_free(&arena);
    return 0;
}
