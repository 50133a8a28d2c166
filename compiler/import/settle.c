/* What holds for the scripts and names of every tool. */
#include <string.h>

#include "compiler/import/reader.h"
#include "compiler/sql.h"
#include "compiler/value.h"
#include "spec/base/arena.h"

enum { ID_MAX_BYTES = 150 }; /* file names get an ending */

/* A script as PostgreSQL's parser sees it; of the scratch arena. */
struct parsed {
    struct sql_script script;
    size_t begins, commits, others; /* transaction control; the rest of it in others */
    size_t first_other;             /* its offset */
    size_t statements;              /* not counting transaction control */
};

struct settling {
    struct import_history *history;
    struct arena scratch; /* for one script */
    size_t unwrapped;     /* scripts whose BEGIN and COMMIT were left out */
};

const char *import_marker(struct arena *arena, const char *path, size_t line, const char *what)
{
    struct strbuf text = STRBUF_INIT;
    struct str copy;

    strbuf_append_text(&text, "NOT_IMPORTED '");
    for (const char *c = path; *c; c++)
        strbuf_append_text(&text, *c == '\'' ? "''" : (const char[]){*c, '\0'});
    strbuf_printf(&text, ":%zu'; -- ", line);
    for (const char *c = what; *c; c++)
        strbuf_append_char(&text, *c == '\n' ? ' ' : *c);
    strbuf_append_char(&text, '\n');
    copy = strbuf_copy(&text, arena);
    strbuf_free(&text);
    return copy.data;
}

/* --- transactions ------------------------------------------------------------------------------------------------- */

static const char *transaction_kind(const struct sql_statement *statement)
{
    const struct sql_node *transaction = sql_as(statement->tree, "TransactionStmt");
    const char *kind = transaction ? sql_text(transaction, "kind") : NULL;

    return transaction && !kind ? "TRANS_STMT_BEGIN" : kind;
}

static bool is_begin(const char *kind)
{
    return strcmp(kind, "TRANS_STMT_BEGIN") == 0 || strcmp(kind, "TRANS_STMT_START") == 0;
}

static void count_transactions(struct parsed *parsed)
{
    for (size_t i = 0; i < parsed->script.statements.count; i++) {
        const struct sql_statement *statement = &parsed->script.statements.items[i];
        const char *kind = transaction_kind(statement);

        if (!kind) {
            parsed->statements++;
        } else if (is_begin(kind)) {
            parsed->begins++;
        } else if (strcmp(kind, "TRANS_STMT_COMMIT") == 0) {
            parsed->commits++;
        } else {
            if (parsed->others++ == 0)
                parsed->first_other = statement->start;
        }
    }
}

/* The end of the statement's last line where nothing but ';' and blanks follows it there, else behind its ';'. */
static size_t cut_end(struct str text, size_t end)
{
    size_t at = end;

    while (at < text.len && (text.data[at] == ' ' || text.data[at] == '\t'))
        at++;
    if (at < text.len && text.data[at] == ';')
        end = ++at;
    while (at < text.len && (text.data[at] == ' ' || text.data[at] == '\t'))
        at++;
    return at < text.len && text.data[at] == '\n' ? at + 1 : end;
}

/* The text without its transaction control. */
static struct str without_transactions(struct arena *arena, const struct parsed *parsed, struct str text)
{
    struct strbuf out = STRBUF_INIT;
    size_t from = 0;
    struct str copy;

    for (size_t i = 0; i < parsed->script.statements.count; i++) {
        const struct sql_statement *statement = &parsed->script.statements.items[i];

        if (!transaction_kind(statement) || statement->start < from)
            continue;
        strbuf_append(&out, text.data + from, statement->start - from);
        from = cut_end(text, statement->end);
    }
    strbuf_append(&out, text.data + from, text.len - from);
    copy = strbuf_copy(&out, arena);
    strbuf_free(&out);
    return copy;
}

/* --- scripts ------------------------------------------------------------------------------------------------------ */

static size_t line_of(const struct import_script *script, size_t offset)
{
    return script->line + import_line_at(script->text, offset) - 1;
}

static bool parse(struct settling *settling, const struct import_script *script, struct parsed *out)
{
    struct sql_error error;
    bool is_psql;

    *out = (struct parsed){0};
    arena_reset(&settling->scratch);
    /* a copy: the parser wants a NUL behind the text */
    if (sql_parse(&settling->scratch, str_copy(&settling->scratch, script->text), &out->script, &error)) {
        count_transactions(out);
        return true;
    }
    is_psql = error.offset < script->text.len && script->text.data[error.offset] == '\\';
    import_open(settling->history, script->file->path, line_of(script, error.offset), "%s%s", error.message,
        is_psql ? ": a command of psql is no SQL" : "");
    return false;
}

/* VACUUM and the like: no transaction can hold them, and nothing tells afterwards that they ran. */
static bool is_outside(const struct sql_node *tree)
{
    static const char *const tags[] = {
        "CreatedbStmt", "DropdbStmt", "AlterSystemStmt", "CreateTableSpaceStmt", "DropTableSpaceStmt", NULL};

    for (size_t i = 0; tags[i]; i++)
        if (sql_as(tree, tags[i]))
            return true;
    return sql_flag(sql_as(tree, "VacuumStmt"), "is_vacuumcmd");
}

static bool is_concurrent(const struct sql_node *tree)
{
    return sql_flag(sql_as(tree, "IndexStmt"), "concurrent") || sql_flag(sql_as(tree, "DropStmt"), "concurrent") ||
           sql_flag(sql_as(tree, "RefreshMatViewStmt"), "concurrent");
}

/* The first of each kind. */
static void report_statements(
    struct settling *settling, const struct import_script *script, const struct parsed *parsed)
{
    bool outside = false, copies = false;

    for (size_t i = 0; i < parsed->script.statements.count; i++) {
        const struct sql_statement *statement = &parsed->script.statements.items[i];
        const struct sql_node *copy = sql_as(statement->tree, "CopyStmt");

        if (!outside && is_outside(statement->tree)) {
            outside = true;
            import_open(settling->history, script->file->path, line_of(script, statement->start),
                "cannot run in a transaction, and nothing tells afterwards that it ran: give it a step of its own with "
                "`probe:` or `repeatable: true`");
        } else if (!copies && copy && !sql_text(copy, "filename") && !sql_flag(copy, "is_program")) {
            copies = true;
            import_open(settling->history, script->file->path, line_of(script, statement->start),
                "exchanges rows with a client, and a plan has none: use INSERT");
        }
    }
}

static void report_transactions(
    struct settling *settling, const struct import_script *script, const struct parsed *parsed)
{
    const char *path = script->file->path;

    if (parsed->others)
        import_open(settling->history, path, line_of(script, parsed->first_other),
            "only BEGIN and COMMIT can be left out; this has no place in a migration");
    else if (parsed->begins > parsed->commits)
        import_open(settling->history, path, 0, "has %zu BEGIN and %zu COMMIT: transactions are the executor's",
            parsed->begins, parsed->commits);
    else if (parsed->commits > parsed->begins)
        import_note(settling->history, path, 0,
            "has %zu COMMIT without BEGIN: left out, and its statements are one transaction wherever they can share one",
            parsed->commits - parsed->begins);
    else if (parsed->begins > 1)
        import_note(settling->history, path, 0,
            "has %zu transactions; here they are one wherever statements can share one", parsed->begins);
}

/* Backward SQL with a statement that cannot share a transaction can hold nothing else. */
static bool is_mixed(const struct parsed *parsed)
{
    for (size_t i = 0; parsed->statements > 1 && i < parsed->script.statements.count; i++)
        if (is_concurrent(parsed->script.statements.items[i].tree) ||
            is_outside(parsed->script.statements.items[i].tree))
            return true;
    return false;
}

/* Takes BEGIN and COMMIT out. False: they do not pair, or something else of the kind is in there; that was reported. */
static bool unwrap(struct settling *settling, struct import_script *script, const struct parsed *parsed)
{
    if (parsed->begins + parsed->commits + parsed->others == 0)
        return true;
    report_transactions(settling, script, parsed);
    if (parsed->others || parsed->begins > parsed->commits)
        return false;
    script->text = without_transactions(settling->history->arena, parsed, script->text);
    script->is_whole = false;
    settling->unwrapped++;
    return true;
}

static void settle_up(struct settling *settling, struct import_change *change)
{
    struct arena *arena = settling->history->arena;
    struct import_script *script = &change->up;
    const char *path = script->file->path;
    struct parsed parsed;

    if (script->file->problem) {
        import_open(settling->history, path, 0, "%s", script->file->problem);
        *script = (struct import_script){.file = script->file,
            .is_partial = true,
            .text = str_from(import_marker(arena, path, 1, script->file->problem))};
        return;
    }
    if (script->is_partial) {
        if (!script->text.len)
            script->text = str_from(import_marker(arena, path, script->line, "its SQL is missing"));
        return;
    }
    if (!parse(settling, script, &parsed))
        return;
    report_statements(settling, script, &parsed);
    if (!unwrap(settling, script, &parsed) || parsed.statements)
        return;
    import_note(settling->history, path, script->is_whole ? 0 : script->line, "has no statement: '%s' does nothing",
        change->name);
    script->text = STR("SELECT 1; -- nothing to do\n");
    script->is_whole = false;
}

static void settle_down(struct settling *settling, struct import_change *change)
{
    struct import_script *script = &change->down;
    struct import_history *history = settling->history;
    struct parsed parsed;
    bool keep = false;

    if (!script->file)
        return;
    if (script->file->problem) {
        if (script->file != change->up.file)
            import_open(history, script->file->path, 0, "%s; without it the inverse is derived", script->file->problem);
    } else if (script->is_partial) {
        keep = false; /* its reader said so */
    } else if (!parse(settling, script, &parsed)) {
        keep = true; /* the compiler shows where */
    } else if (parsed.statements == 0) {
        import_note(history, script->file->path, script->is_whole ? 0 : script->line,
            "undoes nothing: without it the inverse of '%s' is derived", change->name);
    } else if (is_mixed(&parsed)) {
        import_open(history, script->file->path, 0,
            "undoes with several statements, one of which cannot run in a transaction: without it the inverse is "
            "derived");
    } else {
        keep = true;
        report_statements(settling, script, &parsed);
        unwrap(settling, script, &parsed);
    }
    if (!keep)
        *script = (struct import_script){0};
}

/* sqitch's verify scripts fail where something is missing: as steps, as long as they only read. */
static void settle_verify(struct settling *settling, struct import_change *change)
{
    struct import_script *script = &change->verify;
    struct import_history *history = settling->history;
    const char *problem = NULL;
    struct parsed parsed = {0};

    if (!script->file)
        return;
    if (script->file->problem)
        problem = script->file->problem;
    else if (!parse(settling, script, &parsed))
        problem = "cannot be parsed";
    else if (parsed.statements == 0)
        problem = "verifies nothing";
    for (size_t i = 0; !problem && i < parsed.script.statements.count; i++) {
        const struct sql_statement *statement = &parsed.script.statements.items[i];
        const struct sql_node *select = sql_as(statement->tree, "SelectStmt");

        if (!transaction_kind(statement) && (!select || sql_get(select, "intoClause")))
            problem = "does more than SELECT";
    }
    if (problem) {
        import_note(history, script->file->path, 0, "%s: '%s' is not verified here", problem, change->name);
        *script = (struct import_script){0};
        return;
    }
    if (parsed.begins + parsed.commits + parsed.others == 0)
        return;
    script->text = without_transactions(history->arena, &parsed, script->text);
    script->is_whole = false;
}

/* --- names -------------------------------------------------------------------------------------------------------- */

/* Letters, digits, '-', '_' and '.' stay; the first is a letter or digit. */
static const char *fit_id(struct arena *arena, const char *name)
{
    size_t len = strlen(name);
    char *id = arena_alloc(arena, len + 2), *out = id;

    if (!value_is_id((struct str){name, len ? 1 : 0}))
        *out++ = 'm';
    for (size_t i = 0; i < len && (size_t)(out - id) < ID_MAX_BYTES; i++) {
        unsigned char c = (unsigned char)name[i];
        bool is_continuation = (c & 0xC0) == 0x80;

        if (!is_continuation)
            *out++ = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-_.", c)
                         ? name[i]
                         : '_';
    }
    *out = '\0';
    return id;
}

static void settle_ids(struct import_history *history)
{
    struct arena *arena = history->arena;
    struct map ids, names, numbers; /* numbers: how many were given out behind an id */

    map_init(&ids, arena);
    map_init(&names, arena);
    map_init(&numbers, arena);
    for (size_t i = 0; i < history->changes.count; i++) {
        struct import_change *change = &history->changes.items[i];
        const char *wanted = change->id ? change->id : change->name, *id = fit_id(arena, wanted), *base = id;

        for (size_t n = (size_t)(uintptr_t)map_get(&numbers, str_from(base)) + 2; map_has(&ids, str_from(id)); n++) {
            id = arena_printf(arena, "%s.%zu", base, n);
            map_put(&numbers, str_from(base), (void *)(uintptr_t)(n - 1));
        }
        if (strcmp(id, wanted) != 0)
            import_note(history, change->up.file->path, 0, "'%s' is called '%s' here", change->name, id);
        change->id = id;
        map_put(&ids, str_from(id), change);
        map_put(&names, str_from(change->name), change);
        for (size_t k = 0; k < change->after.count; k++) {
            const struct import_change *before = map_get(&names, str_from(change->after.items[k]));

            if (before)
                change->after.items[k] = before->id;
        }
    }
}

void import_settle(struct import_history *history)
{
    struct settling settling = {.history = history, .scratch = ARENA_INIT};

    for (size_t i = 0; i < history->changes.count; i++) {
        struct import_change *change = &history->changes.items[i];

        settle_up(&settling, change);
        settle_down(&settling, change);
        settle_verify(&settling, change);
    }
    if (settling.unwrapped)
        import_note(history, NULL, 0, "BEGIN and COMMIT of %zu scripts are left out: transactions are the executor's",
            settling.unwrapped);
    settle_ids(history);
    arena_free(&settling.scratch);
}
