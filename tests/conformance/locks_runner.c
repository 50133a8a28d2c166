/*
 * Compares what the analysis says of statements with what was measured on a server: locks_runner LOCKS.JSONL, one TAP
 * line a statement. Each line's setup and statement go through the analyser; the locks on tables and views, whether
 * a table is written anew and whether one is read from end to end must be the measured ones.
 *
 * Not compared: locks on indexes (the plan does not show them), and scans that the measurement says depend on the
 * server's planner.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/postgres/analyse.h"

struct row {
    const char *form;
    const char *statement;
    const struct json *schemas; /* of the fixture, NULL for "lk" */
    const struct json *locks;
    bool rewrite;
    bool scan;
    bool planner; /* decided whether it scans */
};

/* Whether the last part of a qualified name, which may be quoted, is the name. */
static bool is_named(const struct lock *lock, const char *name)
{
    const char *part = lock->name;
    size_t len;

    for (const char *at = part, *quote = NULL; *at; at++) {
        if (*at == '"')
            quote = quote ? NULL : at;
        else if (*at == '.' && !quote)
            part = at + 1;
    }
    len = strlen(part);
    if (*part != '"')
        return strcmp(part, name) == 0;
    return len == strlen(name) + 2 && strncmp(part + 1, name, len - 2) == 0;
}

static const struct relation *find_relation(const struct analyser *analyser, const struct row *row, const char *name)
{
    const struct relation *relation = NULL;

    if (!row->schemas)
        return catalog_find_relation(&analyser->catalog, "lk", name);
    for (const struct json *schema = row->schemas->child; schema && !relation; schema = schema->next)
        relation = catalog_find_relation(&analyser->catalog, json_string(schema), name);
    return relation;
}

static bool is_compared(
    const struct analyser *analyser, const struct statement *statement, const struct row *row, const char *name)
{
    const struct relation *relation = find_relation(analyser, row, name);

    if (relation)
        return relation->kind != RELATION_INDEX &&
               (relation->kind != RELATION_SEQUENCE || strcmp(statement->tag, "AlterSeqStmt") == 0);
    /* dropped or renamed by the statement: the analysis knows what it was */
    for (size_t i = 0; i < statement->locks.count; i++)
        if (is_named(&statement->locks.items[i], name))
            return statement->locks.items[i].kind != RELATION_INDEX;
    return false;
}

static const struct lock *find_lock(const struct statement *statement, const char *name)
{
    for (size_t i = 0; i < statement->locks.count; i++)
        if (is_named(&statement->locks.items[i], name))
            return &statement->locks.items[i];
    return NULL;
}

static void describe(struct strbuf *out, const char *what, const char *name, const char *mode)
{
    strbuf_printf(out, "%s%s %s=%s", out->len ? ", " : "", what, name, mode);
}

static void compare_locks(
    const struct analyser *analyser, const struct statement *statement, const struct row *row, struct strbuf *out)
{
    for (const struct json *lock = row->locks ? row->locks->child : NULL; lock; lock = lock->next) {
        const char *name = json_string(json_get(lock, "relation")), *mode = json_string(json_get(lock, "mode"));
        const struct lock *found = find_lock(statement, name);

        if (!is_compared(analyser, statement, row, name))
            continue;
        if (!found)
            describe(out, "misses", name, mode);
        else if (strcmp(lock_mode_name(found->mode), mode) != 0)
            strbuf_printf(out, "%s%s is %s, not %s", out->len ? ", " : "", name, mode, lock_mode_name(found->mode));
    }
    for (size_t i = 0; i < statement->locks.count; i++) {
        const struct lock *said = &statement->locks.items[i];
        bool measured = false;

        for (const struct json *lock = row->locks ? row->locks->child : NULL; lock && !measured; lock = lock->next)
            measured = is_named(said, json_string(json_get(lock, "relation")));
        if (!measured && said->kind != RELATION_INDEX)
            describe(out, "invents", said->name, lock_mode_name(said->mode));
    }
}

static void compare_costs(const struct statement *statement, const struct row *row, struct strbuf *out)
{
    bool rewrite = false, scan = false;

    for (size_t i = 0; i < statement->locks.count; i++) {
        bool table =
            statement->locks.items[i].kind != RELATION_INDEX && statement->locks.items[i].kind != RELATION_SEQUENCE;

        rewrite = rewrite || (table && statement->locks.items[i].rewrite);
        scan = scan || statement->locks.items[i].scan;
    }
    if (rewrite != row->rewrite)
        strbuf_printf(out, "%srewrite is %s", out->len ? ", " : "", row->rewrite ? "true" : "false");
    if (scan != row->scan && !row->planner)
        strbuf_printf(out, "%sscan is %s", out->len ? ", " : "", row->scan ? "true" : "false");
}

static bool run(struct arena *arena, const struct row *row, const char *setup, struct strbuf *out)
{
    struct diag_list diags;
    struct analyser *analyser;
    struct statement_list statements = {0};
    bool ok;

    diag_list_init(&diags, arena);
    analyser = analyser_create(arena, &diags, "public");
    analyser_begin(analyser, NULL);
    ok = analyse(analyser, text_of_source(arena, source_create(arena, "setup", str_from(setup))), &statements);
    statements.items.count = 0;
    analyser->ordinal++; /* the fixture is live */
    ok = ok && analyse(analyser, text_of_source(arena, source_create(arena, "statement", str_from(row->statement))),
                   &statements);
    if (!ok || statements.items.count != 1) {
        diag_list_print(&diags, out);
    } else {
        compare_locks(analyser, &statements.items.items[0], row, out);
        compare_costs(&statements.items.items[0], row, out);
    }
    analyser_free(analyser);
    return out->len == 0;
}

static char *read_all(struct arena *arena, const char *path)
{
    FILE *file = fopen(path, "rb");
    char *data = arena_alloc(arena, 8 * 1024 * 1024);

    if (!file)
        return NULL;
    data[fread(data, 1, 8 * 1024 * 1024 - 1, file)] = '\0';
    fclose(file);
    return data;
}

int main(int argc, char **argv)
{
    struct arena arena = ARENA_INIT;
    size_t number = 0, failed = 0;
    char *data = argc == 2 ? read_all(&arena, argv[1]) : NULL, *next;

    if (!data) {
        fprintf(stderr, "usage: locks_runner LOCKS.JSONL\n");
        return 2;
    }
    for (char *line = data; line && *line; line = next) {
        struct json_error error;
        struct strbuf out = STRBUF_INIT;
        const struct json *json;
        struct row row;

        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        json = json_read(&arena, str_from(line), JSON_STRICT, &error);
        if (!json) {
            printf("Bail out! line %zu: %s\n", number + 1, error.message);
            return 1;
        }
        row = (struct row){json_string(json_get(json, "form")), json_string(json_get(json, "statement")),
            json_get(json, "schemas"), json_get(json, "locks"), json_bool(json_get(json, "rewrite"), false),
            json_bool(json_get(json, "scan"), false),
            strstr(json_string(json_get(json, "notes")), "depends on the plan") != NULL};
        if (!run(&arena, &row, json_string(json_get(json, "setup")), &out))
            failed++;
        printf("%sok %zu - %s\n", out.len ? "not " : "", ++number, row.form);
        if (out.len)
            printf("# %s: %s\n", row.statement, out.data);
        strbuf_free(&out);
    }
    printf("1..%zu\n# %zu of %zu statements as measured\n", number, number - failed, number);
    arena_free(&arena);
    return failed != 0;
}
