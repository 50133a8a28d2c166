#include "compiler/postgres/analyse.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/postgres/lex.h"

static const struct {
    const char *tag;
    void (*analyse)(struct analysis *x);
} handlers[] = {
    {"AlterDefaultPrivilegesStmt", analyse_default_privileges},
    {"AlterDomainStmt", analyse_alter_domain},
    {"AlterEnumStmt", analyse_alter_enum},
    {"AlterExtensionContentsStmt", analyse_alter_extension},
    {"AlterExtensionStmt", analyse_alter_extension},
    {"AlterFunctionStmt", analyse_alter_function},
    {"AlterObjectSchemaStmt", analyse_set_schema},
    {"AlterOwnerStmt", analyse_owner},
    {"AlterPolicyStmt", analyse_alter_policy},
    {"AlterPublicationStmt", analyse_publication},
    {"AlterSeqStmt", analyse_alter_sequence},
    {"AlterTableStmt", analyse_alter_table},
    {"CallStmt", analyse_call},
    {"ClusterStmt", analyse_cluster},
    {"CommentStmt", analyse_comment},
    {"CompositeTypeStmt", analyse_create_type},
    {"CopyStmt", analyse_query},
    {"CreateDomainStmt", analyse_create_domain},
    {"CreateEnumStmt", analyse_create_enum},
    {"CreateExtensionStmt", analyse_create_extension},
    {"CreateFunctionStmt", analyse_create_function},
    {"CreatePolicyStmt", analyse_create_policy},
    {"CreatePublicationStmt", analyse_publication},
    {"CreateRangeStmt", analyse_create_type},
    {"CreateSchemaStmt", analyse_create_schema},
    {"CreateSeqStmt", analyse_create_sequence},
    {"CreateStatsStmt", analyse_create_statistics},
    {"CreateStmt", analyse_create_table},
    {"CreateTableAsStmt", analyse_create_table_as},
    {"CreateTrigStmt", analyse_create_trigger},
    {"DeleteStmt", analyse_query},
    {"DoStmt", analyse_do},
    {"DropStmt", analyse_drop},
    {"GrantStmt", analyse_grant},
    {"IndexStmt", analyse_create_index},
    {"InsertStmt", analyse_query},
    {"LockStmt", analyse_lock},
    {"MergeStmt", analyse_query},
    {"RefreshMatViewStmt", analyse_refresh},
    {"ReindexStmt", analyse_reindex},
    {"RenameStmt", analyse_rename},
    {"RuleStmt", analyse_create_rule},
    {"SelectStmt", analyse_query},
    {"TransactionStmt", analyse_transaction},
    {"TruncateStmt", analyse_truncate},
    {"UpdateStmt", analyse_query},
    {"VacuumStmt", analyse_vacuum},
    {"VariableSetStmt", analyse_set},
    {"ViewStmt", analyse_create_view},
};

struct analyser *analyser_create(struct arena *arena, struct diag_list *diags, const char *schema)
{
    struct analyser *analyser = ARENA_NEW(arena, struct analyser);

    analyser->arena = arena;
    analyser->diags = diags;
    analyser->schema = schema;
    analyser->migration_id = "";
    catalog_init(&analyser->catalog, arena);
    catalog_add_schema(&analyser->catalog, "public", 0);
    if (strcmp(schema, "public") != 0)
        catalog_add_schema(&analyser->catalog, schema, 0);
    return analyser;
}

void analyser_set_schema(struct analyser *analyser, const char *schema)
{
    analyser->schema = schema;
    analyser->other_count = 0;
}

void analyser_free(struct analyser *analyser)
{
    arena_free(&analyser->scratch);
}

void analyser_begin(struct analyser *analyser, const struct project_migration *migration)
{
    analyser->migration = migration;
    analyser->migration_id = migration ? migration->id : "";
    analyser->ordinal++;
    analyser->timezone_utc = false;
}

static int compare_edits(const void *a, const void *b)
{
    const struct edit *left = a, *right = b;

    return left->at < right->at ? -1 : left->at > right->at;
}

static const char *make_label(struct arena *arena, const char *tag)
{
    char *label = arena_alloc(arena, 2 * strlen(tag) + 1), *to = label;

    for (const char *c = tag; *c && strcmp(c, "Stmt") != 0; c++) {
        if (*c >= 'A' && *c <= 'Z' && c > tag)
            *to++ = '_';
        *to++ = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    }
    return label;
}

static int compare_handler(const void *key, const void *member)
{
    return strcmp(key, *(const char *const *)member);
}

bool analyse_is_alone(const char *tag, const struct sql_node *body)
{
    static const char *const tags[] = {"AlterSystemStmt", "CreatedbStmt", "CreateSubscriptionStmt",
        "CreateTableSpaceStmt", "DropdbStmt", "DropSubscriptionStmt", "DropTableSpaceStmt"};

    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
        if (strcmp(tags[i], tag) == 0)
            return true;
    if (strcmp(tag, "VacuumStmt") == 0)
        return sql_flag(body, "is_vacuumcmd");
    if (strcmp(tag, "ReindexStmt") == 0)
        for (const struct sql_node *item = sql_first(sql_get(body, "params")); item; item = sql_next(item))
            if (sql_text_is(sql_as(item, "DefElem"), "defname", "concurrently"))
                return true;
    for (const struct sql_node *item = sql_first(sql_get(body, "cmds")); item; item = sql_next(item))
        if (sql_flag(sql_fields(sql_get(sql_as(item, "AlterTableCmd"), "def")), "concurrent"))
            return true;
    return sql_flag(body, "concurrent") && strcmp(tag, "RefreshMatViewStmt") != 0;
}

/* A table of the history whose rows or columns a statement throws away. */
static void find_destroyed(struct analysis *x)
{
    struct relation *relation = NULL;
    const char *schema, *name;

    if (strcmp(x->out->tag, "DropStmt") == 0 && sql_text_is(x->body, "removeType", "OBJECT_TABLE")) {
        analysis_split_names(
            x, sql_get(sql_as(sql_first(sql_get(x->body, "objects")), "List"), "items"), &schema, &name);
        relation = catalog_find_relation(x->catalog, schema, name);
    } else if (strcmp(x->out->tag, "AlterTableStmt") == 0) {
        for (const struct sql_node *item = sql_first(sql_get(x->body, "cmds")); item; item = sql_next(item))
            if (sql_text_is(sql_as(item, "AlterTableCmd"), "subtype", "AT_DropColumn"))
                relation = catalog_find_relation(x->catalog, analysis_schema(x, sql_get(x->body, "relation")),
                    sql_text(sql_get(x->body, "relation"), "relname"));
    } else if (strcmp(x->out->tag, "TruncateStmt") == 0) {
        const struct sql_node *range_var = sql_as(sql_first(sql_get(x->body, "relations")), "RangeVar");

        relation = catalog_find_relation(x->catalog, analysis_schema(x, range_var), sql_text(range_var, "relname"));
    }
    if (relation)
        x->out->destroys = relation->qualified;
}

enum { NAME_MAX_BYTES = 63 };

static bool is_name_byte(char c)
{
    return c == '_' || c == '$' || (unsigned char)c >= 0x80 || isalnum((unsigned char)c);
}

/* Is there a run of bytes that could be a name, and too long for one? */
static bool has_long_word(struct str sql, size_t start, size_t end)
{
    size_t run = 0;

    for (size_t i = start; i < end; i++) {
        run = is_name_byte(sql.data[i]) ? run + 1 : 0;
        if (run > NAME_MAX_BYTES)
            return true;
    }
    return false;
}

static void lint_names(struct analysis *x)
{
    struct lexer lexer = {.text = {x->sql.data, x->node->end}, .at = x->node->start};

    if (!has_long_word(x->sql, x->node->start, x->node->end))
        return;
    for (struct lex_token token = lex_next(&lexer); token.kind != LEX_END; token = lex_next(&lexer)) {
        size_t len = token.end - token.start - (token.kind == LEX_QUOTED ? 2 : 0);

        if ((token.kind == LEX_WORD || token.kind == LEX_QUOTED) && len > NAME_MAX_BYTES) {
            analysis_help(x,
                analysis_find(
                    x, DIAG(PG082), token.start, token.end, "PostgreSQL cuts this name off behind 63 bytes"),
                "choose a shorter one");
            return;
        }
    }
}

static bool fits(struct analyser *analyser, const struct text *text, const struct sql_script *script)
{
    const char *tag = script->statements.count ? sql_tag(script->statements.items[0].tree) : NULL;

    if (!text->expect)
        return true;
    if (script->statements.count > 1) {
        diag_report(analyser->diags, DIAG(PG009),
            text_span(text, script->statements.items[1].start, script->statements.items[1].end),
            "a second statement cannot stand here");
        return false;
    }
    if (tag && strcmp(tag, text->expect) == 0)
        return true;
    diag_report(analyser->diags, DIAG(PG020), text_span(text, 0, text->sql.len),
        "this is another statement than the step's kind says");
    return false;
}

static bool analyse_statement(struct analyser *analyser, const struct text *text, const struct sql_statement *node,
    bool apply, struct statement *out)
{
    struct analysis x = {.analyser = analyser,
        .arena = analyser->arena,
        .scratch = &analyser->scratch,
        .catalog = &analyser->catalog,
        .text = text,
        .sql = text->sql,
        .node = node,
        .out = out,
        .what = "table"};
    const char *tag = sql_tag(node->tree);
    void *found;

    *out = (struct statement){0};
    if (apply) { /* there are many statements, and most touch one object */
        out->locks.items = ARENA_ARRAY(analyser->arena, struct lock, 1);
        out->objects.items = ARENA_ARRAY(analyser->arena, struct object, 1);
        out->locks.capacity = out->objects.capacity = 1;
    }
    out->tag = tag ? arena_strdup(analyser->arena, tag) : "";
    out->label = make_label(analyser->arena, out->tag);
    out->text = text;
    out->schema = analyser->schema;
    out->start = node->start;
    out->end = node->end;
    x.body = sql_fields(node->tree);
    qualify(&x);
    if (x.edits.count > 1)
        qsort(x.edits.items, x.edits.count, sizeof(x.edits.items[0]), compare_edits);
    out->sql = analysis_slice(&x, node->start, node->end);
    for (size_t i = 0; i < TEXT_MARKS; i++)
        if (text->marks[i].end > text->marks[i].start)
            out->marked[i] = analysis_slice(&x, text->marks[i].start, text->marks[i].end);
    find_destroyed(&x);
    if (!apply) {
        out->alone = analyse_is_alone(out->tag, x.body);
        analysis_touch_undone(&x);
        return !x.failed;
    }
    lint_names(&x);
    found = bsearch(out->tag, handlers, sizeof(handlers) / sizeof(handlers[0]), sizeof(handlers[0]), compare_handler);
    if (found)
        handlers[(size_t)((const char *)found - (const char *)handlers) / sizeof(handlers[0])].analyse(&x);
    else
        analyse_other(&x);
    return !x.failed;
}

struct span statement_span(const struct statement *statement)
{
    return text_span(statement->text, statement->start, statement->end);
}

static bool analyse_text(struct analyser *analyser, const struct text *text, bool apply, struct statement_list *out)
{
    struct sql_script script;
    struct sql_error error;
    bool ok = true;

    arena_reset(&analyser->scratch);
    if (!sql_parse(&analyser->scratch, text->sql, &script, &error)) {
        /* at a word that the lowering put there: what was written before it ends too early */
        size_t written = text_written_end(text, error.offset);

        if (written != SIZE_MAX)
            diag_report(analyser->diags, DIAG(PG001), text_span(text, written, written), "the SQL ends too early");
        else
            diag_report(analyser->diags, DIAG(PG001), text_span(text, error.offset, error.end), "%s", error.message);
        if (apply && !text->expect)
            analyser_doubt(analyser, text);
        return false;
    }
    if (!fits(analyser, text, &script))
        return false;
    if (!out->items.count) { /* most texts are one statement: no room for more */
        out->items.items = ARENA_ARRAY(analyser->arena, struct statement, script.statements.count);
        out->items.capacity = script.statements.count;
    }
    for (size_t i = 0; i < script.statements.count; i++) {
        struct statement statement;

        if (!analyse_statement(analyser, text, &script.statements.items[i], apply, &statement))
            ok = false;
        VEC_PUSH(analyser->arena, &out->items, statement);
    }
    return ok;
}

bool analyse(struct analyser *analyser, const struct text *text, struct statement_list *out)
{
    return analyse_text(analyser, text, true, out);
}

bool analyse_only_qualify(struct analyser *analyser, const struct text *text, struct statement_list *out)
{
    return analyse_text(analyser, text, false, out);
}
