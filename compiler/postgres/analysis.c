/* What the files of the analysis share: reporting, names and the relations behind them, locks. */
#include <stdarg.h>
#include <string.h>

#include "compiler/postgres/analyse.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/quote.h"

/* --- reporting --------------------------------------------------------------------------------------------------- */

struct diag *analysis_error(
    struct analysis *x, const struct diag_code *code, size_t at, size_t end, const char *format, ...)
{
    va_list ap;
    const char *message;

    x->failed = true;
    va_start(ap, format);
    message = arena_vprintf(x->arena, format, ap);
    va_end(ap);
    return diag_report(x->analyser->diags, code, text_span(x->text, at, end), "%s", message);
}

struct diag *analysis_find(
    struct analysis *x, const struct diag_code *code, size_t at, size_t end, const char *format, ...)
{
    va_list ap;
    const char *message;

    if (x->analyser->quiet)
        return NULL;
    va_start(ap, format);
    message = arena_vprintf(x->arena, format, ap);
    va_end(ap);
    return lint_report(
        &x->analyser->lint, x->analyser->diags, x->analyser->migration, code, text_span(x->text, at, end), message);
}

void analysis_judge_late(struct analysis *x, struct late_finding late, size_t at, size_t end)
{
    late.span = text_span(x->text, at, end);
    late.migration = x->analyser->migration ? x->analyser->migration->index : 0;
    VEC_PUSH(x->arena, &x->analyser->late, late);
}

void analysis_find_late(
    struct analysis *x, const struct relation *table, const struct constraint *foreign_key, size_t at, size_t end)
{
    const struct late_finding late = {
        .kind = foreign_key ? LATE_FOREIGN_KEY : LATE_TABLE, .table = table, .foreign_key = foreign_key};

    analysis_judge_late(x, late, at, end);
}

void analysis_find_referenced(struct analysis *x, const struct constraint *foreign_key, size_t at, size_t end)
{
    const struct relation *referenced = foreign_key->referenced;

    if (referenced && referenced != foreign_key->relation && analysis_is_live(x, referenced) &&
        analysis_is_live(x, foreign_key->relation))
        analysis_help(x,
            analysis_find(x, DIAG(PG111), at, end,
                "dropping foreign key '%s' keeps everybody out of table '%s' too, until the commit", foreign_key->name,
                referenced->name),
            "give it a transaction of its own");
}

void analysis_help(struct analysis *x, struct diag *diag, const char *format, ...)
{
    va_list ap;

    if (!diag)
        return;
    va_start(ap, format);
    diag_add_help(x->analyser->diags, diag, "%s", arena_vprintf(x->arena, format, ap));
    va_end(ap);
}

void analysis_did_you_mean(
    struct analysis *x, struct diag *diag, const char *word, const char *const *names, size_t count)
{
    const char *meant = str_did_you_mean(str_from(word), names, count);

    if (!meant) /* "createdAt" written without its quotation marks */
        for (size_t i = 0; i < count && !meant; i++)
            if (strlen(names[i]) == strlen(word) && strcmp(names[i], word) != 0 &&
                lex_find_name(str_from(names[i]), 0, SIZE_MAX, word, &(size_t){0}) == 0)
                meant = names[i];
    if (meant)
        analysis_help(x, diag, "did you mean '%s'?", meant);
}

size_t analysis_find_name(const struct analysis *x, const char *name, size_t from, size_t *end)
{
    size_t at = lex_find_name(x->sql, from, x->node->end, name, end);

    if (at != SIZE_MAX)
        return at;
    at = lex_find_name(x->sql, x->node->start, x->node->end, name, end);
    if (at != SIZE_MAX)
        return at;
    *end = x->node->end;
    return x->node->start;
}

size_t analysis_find_token(const struct analysis *x, const char *token, size_t *end)
{
    struct lexer lexer = {.text = {x->sql.data, x->node->end}, .at = x->node->start};
    size_t len = strlen(token);

    for (struct lex_token next = lex_next(&lexer); next.kind != LEX_END; next = lex_next(&lexer))
        if (next.end - next.start == len && memcmp(x->sql.data + next.start, token, len) == 0) {
            *end = next.end;
            return next.start;
        }
    *end = x->node->end;
    return x->node->start;
}

const char *analysis_slice(const struct analysis *x, size_t from, size_t to)
{
    struct strbuf buf = STRBUF_INIT;
    const char *result;

    for (size_t i = 0; i < x->edits.count; i++) {
        const struct edit *edit = &x->edits.items[i];

        if (edit->at < from || edit->at >= to)
            continue;
        strbuf_append(&buf, x->sql.data + from, edit->at - from);
        strbuf_append_text(&buf, edit->insert);
        from = edit->at;
    }
    strbuf_append(&buf, x->sql.data + from, to - from);
    result = strbuf_copy(&buf, x->arena).data;
    strbuf_free(&buf);
    return result;
}

/* --- what it does to relations ----------------------------------------------------------------------------------- */

bool analysis_is_live(const struct analysis *x, const struct relation *relation)
{
    return relation->born != x->analyser->ordinal && !relation->temporary;
}

struct lock *analysis_lock(struct analysis *x, const struct relation *relation, enum lock_mode mode)
{
    struct lock lock = {.relation = relation, .name = relation->qualified, .kind = relation->kind, .mode = mode};

    for (size_t i = 0; i < x->out->locks.count; i++)
        if (x->out->locks.items[i].relation == relation) {
            if (x->out->locks.items[i].mode < mode)
                x->out->locks.items[i].mode = mode;
            return &x->out->locks.items[i];
        }
    lock.live = analysis_is_live(x, relation);
    VEC_PUSH(x->arena, &x->out->locks, lock);
    return &x->out->locks.items[x->out->locks.count - 1];
}

void analysis_lock_partitions(struct analysis *x, const struct relation *table, enum lock_mode mode)
{
    for (size_t i = 0; i < table->children.count; i++) {
        analysis_lock(x, table->children.items[i], mode);
        analysis_lock_partitions(x, table->children.items[i], mode);
    }
}

/* --- names ------------------------------------------------------------------------------------------------------- */

static bool has_name(const struct catalog *catalog, const char *schema, const char *name)
{
    return catalog_find_relation(catalog, schema, name) || catalog_find_type(catalog, schema, name) ||
           catalog_find_functions(catalog, schema, name);
}

const char *analysis_home(const struct analysis *x, const char *name)
{
    const struct analyser *analyser = x->analyser;

    if (!analyser->other_count || !name || has_name(x->catalog, analyser->schema, name))
        return analyser->schema;
    for (size_t i = 0; i < analyser->other_count; i++)
        if (has_name(x->catalog, analyser->others[i], name))
            return analyser->others[i];
    return analyser->schema;
}

/* Is it what the statement makes, and not what it names? */
static bool is_made(const struct analysis *x, const struct sql_node *range_var)
{
    return (strcmp(x->out->tag, "CreateStmt") == 0 && range_var == sql_get(x->body, "relation")) ||
           range_var == sql_get(x->body, "view") ||
           (strcmp(x->out->tag, "CreateSeqStmt") == 0 && range_var == sql_get(x->body, "sequence")) ||
           range_var == sql_get(x->body, "typevar") || range_var == sql_get(sql_get(x->body, "into"), "rel") ||
           range_var == sql_get(sql_get(x->body, "intoClause"), "rel");
}

const char *analysis_schema(const struct analysis *x, const struct sql_node *range_var)
{
    const char *schema = sql_text(range_var, "schemaname"), *name = sql_text(range_var, "relname");

    if (schema)
        return schema;
    if (sql_text_is(range_var, "relpersistence", "t") || (name && catalog_find_relation(x->catalog, "pg_temp", name)))
        return "pg_temp";
    return is_made(x, range_var) ? x->analyser->schema : analysis_home(x, name);
}

/* An unknown relation that is no mistake: the server's own, or one that something unanalysable may have made. */
static bool may_exist(const struct analysis *x, const struct sql_node *range_var, const char *schema, const char *name)
{
    static const char *const extension_relations[] = {
        "spatial_ref_sys", "geography_columns", "geometry_columns", "pg_stat_statements", "pg_buffercache"};

    if (qualify_is_system_schema(schema) || x->catalog->opaque)
        return true;
    if (!sql_text(range_var, "schemaname") && strncmp(name, "pg_", 3) == 0)
        return true;
    for (size_t i = 0; i < sizeof(extension_relations) / sizeof(extension_relations[0]); i++)
        if (strcmp(extension_relations[i], name) == 0)
            return true;
    return false;
}

static void report_no_relation(
    struct analysis *x, const char *schema, const char *name, size_t at, size_t end, const char *what)
{
    const char *dropped = catalog_find_dropped(x->catalog, schema, name), *const * names;
    const char *shown = quote_qualified(x->arena, strcmp(schema, x->analyser->schema) == 0 ? NULL : schema, name);
    struct diag *diag;
    size_t count;

    if (!map_has(&x->catalog->schemas, str_from(schema))) {
        analysis_error(x, DIAG(PG008), at, end, "there is no schema '%s' at this point of the history", schema);
        return;
    }
    diag = analysis_error(x, strcmp(what, "index") == 0 ? DIAG(PG007) : DIAG(PG002), at, end,
        "there is no %s '%s' at this point of the history", what, shown);
    if (dropped) {
        analysis_help(x, diag, "migration '%s' dropped or renamed it", dropped);
        return;
    }
    names = catalog_relation_names(x->catalog, x->scratch, schema, &count);
    analysis_did_you_mean(x, diag, name, names, count);
}

struct relation *analysis_relation(struct analysis *x, const struct sql_node *range_var)
{
    const char *schema = analysis_schema(x, range_var), *name = sql_text(range_var, "relname");
    struct relation *relation;
    size_t at, end;

    if (!name)
        return NULL;
    relation = catalog_find_relation(x->catalog, schema, name);
    if (relation || may_exist(x, range_var, schema, name))
        return relation;
    at = sql_location(range_var);
    at = analysis_find_name(x, name, at == SIZE_MAX ? x->node->start : at, &end);
    report_no_relation(x, schema, name, at, end, x->what);
    return NULL;
}

struct relation *analysis_table(struct analysis *x, const struct sql_node *range_var)
{
    struct relation *relation = analysis_relation(x, range_var);
    size_t end, at;

    if (!relation || relation_is_table(relation))
        return relation;
    at = analysis_find_name(x, relation->name, sql_location(range_var), &end);
    analysis_error(x, DIAG(PG010), at, end, "'%s' is %s, not a table", relation->name,
        analysis_with_article(x, relation_kind_name(relation->kind)));
    return NULL;
}

/* The names of what the statement makes. */
static const struct sql_node *made_names(const struct analysis *x)
{
    static const char *const makers[][2] = {{"CreateFunctionStmt", "funcname"}, {"CreateEnumStmt", "typeName"},
        {"CreateRangeStmt", "typeName"}, {"CreateDomainStmt", "domainname"}, {"CreateStatsStmt", "defnames"},
        {"DefineStmt", "defnames"}};

    for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++)
        if (strcmp(makers[i][0], x->out->tag) == 0)
            return sql_get(x->body, makers[i][1]);
    return NULL;
}

void analysis_split_names(
    const struct analysis *x, const struct sql_node *names, const char **schema, const char **name)
{
    size_t count = sql_count(names);

    *name = sql_list_string(names, SIZE_MAX);
    *schema = count > 1 ? sql_list_string(names, SIZE_MAX - 1) : NULL;
    if (!*name)
        *name = "";
    if (!*schema)
        *schema = names == made_names(x) ? x->analyser->schema : analysis_home(x, *name);
}

const char *analysis_with_article(const struct analysis *x, const char *noun)
{
    return arena_printf(x->scratch, "%s %s", strchr("aeiou", *noun) ? "an" : "a", noun);
}

struct relation *analysis_relation_named(
    struct analysis *x, const struct sql_node *names, size_t from, const char *what)
{
    const char *schema, *name;
    struct relation *relation;
    size_t at, end;

    analysis_split_names(x, names, &schema, &name);
    if (sql_count(names) == 1 && catalog_find_relation(x->catalog, "pg_temp", name))
        schema = "pg_temp";
    relation = catalog_find_relation(x->catalog, schema, name);
    if (relation || qualify_is_system_schema(schema) || x->catalog->opaque)
        return relation;
    at = analysis_find_name(x, name, from, &end);
    report_no_relation(x, schema, name, at, end, what);
    return NULL;
}

bool analysis_is_system_column(const char *name)
{
    static const char *const names[] = {"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

struct column *analysis_column(struct analysis *x, const struct relation *relation, const char *name, size_t from)
{
    struct column *column = relation_find_column(relation, name);
    const char *const *names;
    struct diag *diag;
    size_t at, end, count;

    if (column || relation->opaque || analysis_is_system_column(name))
        return column;
    at = analysis_find_name(x, name, from, &end);
    diag = analysis_error(
        x, DIAG(PG003), at, end, "table '%s' has no column '%s' at this point of the history", relation->name, name);
    names = relation_column_names(relation, x->scratch, &count);
    analysis_did_you_mean(x, diag, name, names, count);
    return NULL;
}

bool analysis_is_new_name(struct analysis *x, const char *schema, const char *name, size_t at, size_t end)
{
    const struct relation *relation = catalog_find_relation(x->catalog, schema, name);

    if (strcmp(schema, "pg_temp") != 0 && !map_has(&x->catalog->schemas, str_from(schema)) && !x->catalog->opaque) {
        analysis_error(x, DIAG(PG008), at, end, "there is no schema '%s' at this point of the history", schema);
        return false;
    }
    if (!relation)
        return true;
    analysis_error(x, DIAG(PG005), at, end, "%s '%s' exists already", relation_kind_name(relation->kind), name);
    return false;
}

static bool has_extension_types(const struct analysis *x, const char *name)
{
    const char *extension = type_extension(name);
    const struct map_entry *entry;

    if (extension)
        return map_has(&x->catalog->extensions, str_from(extension));
    /* an extension that this program does not know may have any type */
    for (size_t i = 0; map_next(&x->catalog->extensions, &i, &entry);)
        if (!type_extension(entry->key.data))
            return true;
    return false;
}

static const char *type_source(struct analysis *x, const struct sql_node *type_name)
{
    size_t at = sql_location(type_name), end, close;
    struct lexer lexer = {.text = {x->sql.data, x->node->end}, .at = at};
    struct lex_token token = lex_next(&lexer);

    for (end = token.end; (token = lex_next(&lexer)).kind != LEX_END && lex_is(x->sql, token, ".");)
        end = lex_next(&lexer).end;
    if (lex_is(x->sql, token, "(") && (close = lex_find_close(x->sql, token.start)) != SIZE_MAX)
        end = close + 1;
    return arena_strndup(x->arena, x->sql.data + at, end - at);
}

bool analysis_type(struct analysis *x, const struct sql_node *type_name, struct type *out)
{
    const char *schema, *name;
    const struct type_object *type;
    const char *const *names;
    struct diag *diag;
    size_t at, end, count;

    if (type_read_builtin(x->arena, type_name, out))
        return true;
    analysis_split_names(x, sql_get(type_name, "names"), &schema, &name);
    *out = (struct type){.array = sql_count(sql_get(type_name, "arrayBounds")) > 0};
    type = catalog_find_type(x->catalog, schema, name);
    if (type) {
        out->origin = TYPE_USER;
        out->object = type;
        out->base = type->qualified;
        out->text = out->array ? arena_printf(x->arena, "%s[]", type->qualified) : type->qualified;
        return true;
    }
    out->origin = TYPE_EXTENSION;
    out->base = arena_strdup(x->arena, name);
    if (sql_flag(type_name, "pct_type")) {
        out->text = out->base;
        return true;
    }
    out->text = type_source(x, type_name);
    if (out->array)
        out->text = arena_printf(x->arena, "%s[]", out->text);
    if (has_extension_types(x, name) || x->catalog->opaque || qualify_is_system_schema(schema))
        return true;
    if (catalog_find_relation(x->catalog, schema, name))
        return true; /* a table's row type */
    at = analysis_find_name(x, name, sql_location(type_name), &end);
    diag = analysis_error(x, DIAG(PG004), at, end, "there is no type '%s' at this point of the history", name);
    if (type_extension(name)) {
        analysis_help(x, diag, "it comes with the extension '%s': add a step 'create_extension: %s' before",
            type_extension(name), type_extension(name));
        return false;
    }
    names = type_names(&count);
    analysis_did_you_mean(x, diag, name, names, count);
    return false;
}

const char *analysis_argument_types(struct analysis *x, const struct sql_node *with_args)
{
    struct strbuf buf = STRBUF_INIT;
    const char *result;

    for (const struct sql_node *item = sql_first(sql_get(with_args, "objargs")); item; item = sql_next(item)) {
        struct type type;

        if (sql_as(item, "TypeName") && analysis_type(x, sql_as(item, "TypeName"), &type))
            strbuf_printf(&buf, "%s%s", buf.len ? ", " : "", type.text);
    }
    result = strbuf_copy(&buf, x->arena).data;
    strbuf_free(&buf);
    return result;
}

struct function *analysis_function(struct analysis *x, const struct sql_node *with_args)
{
    const char *schema, *name, *arguments = analysis_argument_types(x, with_args);
    struct function *function;

    analysis_split_names(x, sql_get(with_args, "objname"), &schema, &name);
    function = catalog_find_functions(x->catalog, schema, name);
    while (function && !sql_flag(with_args, "args_unspecified") && strcmp(function->arguments, arguments) != 0)
        function = function->next;
    return function;
}

const char *const *analysis_names(struct analysis *x, const struct sql_node *strings, size_t *count)
{
    const char **names = ARENA_ARRAY(x->arena, const char *, sql_count(strings) + 1);

    *count = 0;
    for (const struct sql_node *item = sql_first(strings); item; item = sql_next(item))
        if (sql_string(item))
            names[(*count)++] = arena_strdup(x->arena, sql_string(item));
    return names;
}

size_t analysis_behind_word(const struct analysis *x, const char *word, size_t from)
{
    struct lexer lexer = {.text = {x->sql.data, x->node->end}, .at = from};
    struct lex_token token;

    for (token = lex_next(&lexer); token.kind != LEX_END && !lex_is(x->sql, token, word); token = lex_next(&lexer))
        continue;
    return token.end;
}
