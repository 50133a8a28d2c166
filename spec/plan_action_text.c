/* What single steps do, in words: actions, undoing, locks. */
#include <inttypes.h>
#include <string.h>

#include "spec/plan_text.h"
#include "spec/printable.h"
#include "spec/sql_layout.h"

enum { FLOW_MAX_COLUMNS = 96, FLOW_DEPTH_MAX = 12, ITEMS_SHOWN_MAX = 10 };

const char *plan_step_short_id(const struct plan_step *step)
{
    size_t len = strlen(step->migration);

    return strncmp(step->id, step->migration, len) == 0 && step->id[len] == '/' ? step->id + len + 1 : step->id;
}

static void put(struct strbuf *out, const struct json *value)
{
    printable_append_line(out, json_text(value));
}

/* SQL as it stands, each line with its LF. */
static void put_sql(struct strbuf *out, const struct json *value)
{
    struct str sql = str_trim(json_text(value));
    struct strbuf text = STRBUF_INIT;

    sql_layout_append(&text, sql);
    printable_append(out, strbuf_view(&text));
    strbuf_append_text(out, str_ends_with(sql, ";") ? "\n" : ";\n");
    strbuf_free(&text);
}

/* --- JSON in YAML's look, for requests and operators ----------------------------------------------------------------- */

static bool is_plain(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-/", text.data[i]))
            return false;
    return text.len > 0 && text.data[0] != '-' && !(text.data[0] >= '0' && text.data[0] <= '9') && !str_is(text, "true") &&
           !str_is(text, "false") && !str_is(text, "null");
}

static void put_scalar(struct strbuf *out, struct str text)
{
    struct strbuf quoted = STRBUF_INIT;

    if (is_plain(text)) {
        strbuf_append_str(out, text);
        return;
    }
    json_write_string(&quoted, text);
    printable_append_line(out, strbuf_view(&quoted));
    strbuf_free(&quoted);
}

static void put_flow(struct strbuf *out, const struct json *value)
{
    bool object = value->type == JSON_OBJECT;

    if (value->type == JSON_STRING) {
        put_scalar(out, value->text);
        return;
    }
    if (!object && value->type != JSON_ARRAY) {
        json_write(out, value);
        return;
    }
    if (!value->child) {
        strbuf_append_text(out, object ? "{}" : "[]");
        return;
    }
    strbuf_append_text(out, object ? "{ " : "[");
    for (const struct json *child = value->child; child; child = child->next) {
        if (object) {
            put_scalar(out, child->key);
            strbuf_append_text(out, ": ");
        }
        put_flow(out, child);
        if (child->next)
            strbuf_append_text(out, ", ");
    }
    strbuf_append_text(out, object ? " }" : "]");
}

static void put_block(struct strbuf *out, const struct json *value, size_t indent, unsigned depth);

/* Whether it fits on the line where the cursor stands in column `column`; then it was put there, with the line's end. */
static bool put_on_line(struct strbuf *out, const struct json *value, size_t column, unsigned depth)
{
    size_t start = out->len;

    strbuf_append_char(out, ' ');
    put_flow(out, value);
    if (column + out->len - start > FLOW_MAX_COLUMNS && depth < FLOW_DEPTH_MAX && value->child) {
        out->len = start;
        return false;
    }
    strbuf_append_char(out, '\n');
    return true;
}

/* The members of an object, the first where the cursor stands, the others behind indent blanks. */
static void put_members(struct strbuf *out, const struct json *object, size_t indent, unsigned depth)
{
    for (const struct json *member = object->child; member; member = member->next) {
        size_t start = out->len;

        if (member != object->child)
            strbuf_printf(out, "%*s", (int)indent, "");
        put_scalar(out, member->key);
        strbuf_append_char(out, ':');
        if (put_on_line(out, member, indent + (out->len - start), depth))
            continue;
        strbuf_append_char(out, '\n');
        put_block(out, member, indent + 2, depth + 1);
    }
}

/* An object or a list, a member or element a line where they fit. */
static void put_block(struct strbuf *out, const struct json *value, size_t indent, unsigned depth)
{
    if (json_is(value, JSON_OBJECT) && value->child) {
        strbuf_printf(out, "%*s", (int)indent, "");
        put_members(out, value, indent, depth);
        return;
    }
    for (const struct json *element = value ? value->child : NULL; element; element = element->next) {
        strbuf_printf(out, "%*s-", (int)indent, "");
        if (put_on_line(out, element, indent + 1, depth))
            continue;
        if (element->type == JSON_OBJECT) {
            strbuf_append_char(out, ' ');
            put_members(out, element, indent + 2, depth + 1);
        } else {
            strbuf_append_char(out, '\n');
            put_block(out, element, indent + 2, depth + 1);
        }
    }
}

/* --- the instructions ------------------------------------------------------------------------------------------------ */

static void put_names(struct strbuf *out, const struct json *list, const char *key)
{
    for (const struct json *element = list ? list->child : NULL; element; element = element->next) {
        if (element != list->child)
            strbuf_append_text(out, ", ");
        put(out, key ? json_get(element, key) : element);
    }
}

static void print_throttle(struct strbuf *out, const struct json *forward)
{
    const struct json *throttle = json_get(forward, "throttle");
    const struct json *lag = json_get(throttle, "replica_lag_ms"), *locks = json_get(throttle, "waiting_locks");
    const struct json *query = json_get(throttle, "query");

    if (json_is(json_get(forward, "pause_ms"), JSON_NUMBER)) {
        strbuf_append_text(out, "rests ");
        put(out, json_get(forward, "pause_ms"));
        strbuf_append_text(out, " ms between two batches\n");
    }
    if (json_is(lag, JSON_NUMBER)) {
        strbuf_append_text(out, "waits while a standby is more than ");
        put(out, lag);
        strbuf_append_text(out, " ms behind\n");
    }
    if (json_is(locks, JSON_NUMBER)) {
        strbuf_append_text(out, "waits while more than ");
        put(out, locks);
        strbuf_append_text(out, " sessions wait for locks\n");
    }
    if (json_is(query, JSON_STRING)) {
        strbuf_append_text(out, "waits while this returns true: ");
        printable_append(out, str_trim(query->text));
        strbuf_append_text(out, "\n");
    }
}

static void print_backfill(struct strbuf *out, const struct json *forward)
{
    if (json_get(forward, "restore")) {
        strbuf_append_text(out, "puts the kept old values back, in rows that still hold ours\n");
        return;
    }
    strbuf_append_text(out, "UPDATE ");
    put(out, json_get(forward, "relation"));
    strbuf_append_text(out, "\n   SET ");
    printable_append(out, str_trim(json_text(json_get(forward, "set"))));
    if (json_is(json_get(forward, "where"), JSON_STRING)) {
        strbuf_append_text(out, "\n WHERE ");
        printable_append(out, str_trim(json_text(json_get(forward, "where"))));
    }
    strbuf_append_text(out, ";\nin batches of ");
    put(out, json_get(forward, "batch"));
    strbuf_append_text(out, " along ");
    put_names(out, json_get(forward, "key"), "name");
    strbuf_append_text(out, json_bool(json_get(forward, "keep_old"), false) ? "; old values are kept\n" : "\n");
    print_throttle(out, forward);
}

static void print_wait(struct strbuf *out, const struct json *wait)
{
    const struct json *index = json_get(wait, "index");
    struct str until = json_text(json_get(wait, "until"));

    if (!json_is(wait, JSON_OBJECT))
        return;
    strbuf_append_text(out, "waits until ");
    if (json_is(index, JSON_STRING)) {
        strbuf_append_text(out, "index ");
        put(out, index);
        strbuf_append_text(out, " of ");
    }
    strbuf_append_text(out, "table ");
    put(out, json_get(wait, "table"));
    strbuf_append_text(out, " is ");
    if (str_starts_with(until, "index_")) {
        until.data += strlen("index_");
        until.len -= strlen("index_");
    }
    printable_append_line(out, until);
    strbuf_append_char(out, '\n');
}

static void print_call(struct strbuf *out, const struct json *forward)
{
    put(out, json_get(forward, "action"));
    strbuf_append_char(out, '\n');
    put_block(out, json_get(forward, "request"), 2, 0);
    print_wait(out, json_get(forward, "wait"));
}

static void print_items(struct strbuf *out, const struct json *forward)
{
    const struct json *items = json_get(forward, "items");
    size_t shown = 0;

    if (json_get(forward, "remove")) {
        strbuf_append_text(out, "deletes the items that are still as they were written\n");
        return;
    }
    strbuf_printf(out, "puts %zu item%s into ", items ? items->count : 0, items && items->count == 1 ? "" : "s");
    put(out, json_get(forward, "table"));
    strbuf_append_text(out, ", each only where none is\n");
    for (const struct json *item = items ? items->child : NULL; item && shown < ITEMS_SHOWN_MAX; item = item->next) {
        strbuf_append_text(out, "  ");
        put_flow(out, item);
        strbuf_append_char(out, '\n');
        shown++;
    }
    if (items && items->count > shown)
        strbuf_printf(out, "  and %zu more\n", items->count - shown);
}

static void print_operators(struct strbuf *out, const char *title, const struct json *operators)
{
    if (!operators || !operators->child)
        return;
    strbuf_printf(out, "%s\n", title);
    put_block(out, operators, 2, 0);
}

static void print_register(struct strbuf *out, const struct json *forward)
{
    const struct json *properties = json_get(json_get(forward, "schema"), "properties");

    strbuf_append_text(out, json_get(forward, "unregister") ? "takes " : "registers ");
    put(out, json_get(forward, "event"));
    strbuf_append_text(out, " version ");
    put(out, json_get(forward, "version"));
    strbuf_append_text(out, json_get(forward, "unregister") ? " out of " : " in ");
    put(out, json_get(forward, "registry"));
    if (json_get(forward, "compatibility")) {
        strbuf_append_text(out, ", compatibility ");
        put(out, json_get(forward, "compatibility"));
    }
    strbuf_append_char(out, '\n');
    if (json_is(properties, JSON_OBJECT) && properties->child) {
        strbuf_append_text(out, "fields ");
        for (const struct json *field = properties->child; field; field = field->next) {
            printable_append_line(out, field->key);
            strbuf_append_text(out, field->next ? ", " : "\n");
        }
    }
    print_operators(out, "upcast", json_get(forward, "upcast"));
    print_operators(out, "downcast", json_get(forward, "downcast"));
}

static void print_limit(struct strbuf *out, const struct json *forward, const char *key, const char *unit)
{
    const struct json *limit = json_get(forward, key);

    if (!json_is(limit, JSON_NUMBER))
        return;
    strbuf_append_text(out, ", at most ");
    put(out, limit);
    strbuf_printf(out, " %s", unit);
}

/* How a table is gone through. */
static void print_pace(struct strbuf *out, const struct json *forward)
{
    strbuf_append_text(out, ", ");
    put(out, json_get(forward, "segments"));
    strbuf_append_text(out, " segments");
    print_limit(out, forward, "max_wcu", "WCU");
    print_limit(out, forward, "max_rcu", "RCU");
}

static void print_upgrade(struct strbuf *out, const struct json *forward)
{
    const struct json *upcasts = json_get(forward, "upcasts");

    if (json_get(forward, "restore")) {
        strbuf_append_text(out, "puts the pre-images back, where our version still stands\n");
        return;
    }
    strbuf_append_text(out, "brings stored ");
    put(out, json_get(forward, "event"));
    strbuf_append_text(out, " events to version ");
    put(out, json_get(forward, "to"));
    strbuf_append_text(out, ", ");
    put(out, json_get(forward, "strategy"));
    print_pace(out, forward);
    if (json_is(json_get(forward, "only"), JSON_OBJECT)) {
        strbuf_append_text(out, ", only stream ");
        put(out, json_get(json_get(forward, "only"), "stream"));
    }
    strbuf_append_char(out, '\n');
    for (const struct json *upcast = upcasts ? upcasts->child : NULL; upcast; upcast = upcast->next) {
        strbuf_append_text(out, "to version ");
        put(out, json_get(upcast, "version"));
        strbuf_append_char(out, '\n');
        put_block(out, json_get(upcast, "operators"), 2, 0);
    }
}

static void print_transform(struct strbuf *out, const struct json *forward)
{
    if (json_get(forward, "restore")) {
        strbuf_append_text(out, "puts the pre-images back, where an item still is as it was written\n");
        return;
    }
    strbuf_append_text(out, "changes the items of ");
    put(out, json_get(forward, "table"));
    print_pace(out, forward);
    strbuf_append_char(out, '\n');
    if (json_string(json_get(forward, "where"))) {
        strbuf_append_text(out, "where ");
        put(out, json_get(forward, "where"));
        strbuf_append_char(out, '\n');
    }
    print_operators(out, "set", json_get(forward, "set"));
    print_operators(out, "remove", json_get(forward, "remove"));
}

static void print_assert_items(struct strbuf *out, const struct json *forward)
{
    strbuf_append_text(out, "every item of ");
    put(out, json_get(forward, "table"));
    strbuf_append_text(out, ": ");
    put(out, json_get(forward, "every"));
    strbuf_append_text(out, "\nor: ");
    put(out, json_get(forward, "message"));
    strbuf_append_char(out, '\n');
}

static void print_gate(struct strbuf *out, const struct json *forward)
{
    strbuf_append_text(out, "waits for: ");
    put(out, json_get(forward, "why"));
    strbuf_append_text(out, "\npass it with: invplan apply --pass ");
    put(out, json_get(forward, "name"));
    strbuf_append_char(out, '\n');
}

static void print_statements(struct strbuf *out, const struct json *statements)
{
    for (const struct json *statement = statements ? statements->child : NULL; statement; statement = statement->next)
        put_sql(out, statement);
}

static void print_index_partitions(struct strbuf *out, const struct json *forward)
{
    if (json_get(forward, "drop")) {
        strbuf_append_text(out, "DROP INDEX ");
        put(out, json_get(forward, "drop"));
        strbuf_append_text(out, ";\n-- and what was built on partitions and not attached yet\n");
        return;
    }
    strbuf_printf(out, "CREATE %sINDEX ", json_bool(json_get(forward, "unique"), false) ? "UNIQUE " : "");
    put(out, json_get(forward, "name"));
    strbuf_append_text(out, " ON ");
    put(out, json_get(forward, "table"));
    strbuf_append_char(out, ' ');
    put(out, json_get(forward, "definition"));
    strbuf_append_text(out, ";\n-- ON ONLY the table; concurrently on each partition, which is then attached\n");
}

void plan_action_print(struct strbuf *out, const struct plan_action *action)
{
    const struct json *forward = action->forward;

    if (action->none) {
        strbuf_append_text(out, "nothing to do\n");
        return;
    }
    switch (action->instruction) {
    case INSTRUCTION_PG_EXEC:
        print_statements(out, json_get(forward, "sql"));
        break;
    case INSTRUCTION_PG_EXEC_ALONE:
        put_sql(out, json_get(forward, "sql"));
        break;
    case INSTRUCTION_PG_ASSERT:
        put_sql(out, json_get(forward, "sql"));
        strbuf_append_text(out, "-- must be true, or: ");
        put(out, json_get(forward, "message"));
        strbuf_append_char(out, '\n');
        break;
    case INSTRUCTION_PG_INDEX_PARTITIONS:
        print_index_partitions(out, forward);
        break;
    case INSTRUCTION_PG_BACKFILL:
        print_backfill(out, forward);
        break;
    case INSTRUCTION_DDB_CALL:
        print_call(out, forward);
        break;
    case INSTRUCTION_DDB_PUT_ITEMS:
        print_items(out, forward);
        break;
    case INSTRUCTION_EVENT_REGISTER:
        print_register(out, forward);
        break;
    case INSTRUCTION_DDB_TRANSFORM_ITEMS:
        print_transform(out, forward);
        break;
    case INSTRUCTION_DDB_ASSERT:
        print_assert_items(out, forward);
        break;
    case INSTRUCTION_EVENT_UPGRADE:
        print_upgrade(out, forward);
        break;
    case INSTRUCTION_GATE:
        print_gate(out, forward);
        break;
    case INSTRUCTION_BARRIER:
        strbuf_append_text(out, "waits until every step above is applied, on every target\n");
        break;
    case INSTRUCTION_COUNT:
        break;
    }
}

void plan_undo_print(struct strbuf *out, const struct plan_inverse *inverse)
{
    if (inverse->grade == GRADE_EXACT && inverse->action.none) {
        strbuf_append_text(out, "nothing to do");
        return;
    }
    strbuf_append_text(out, grade_name(inverse->grade));
    if (inverse->grade == GRADE_EXACT && inverse->guard)
        strbuf_append_text(out, inverse->why ? " while its guard holds; else lost" : " while its guard holds");
    else if (inverse->grade == GRADE_LOSSY && inverse->why)
        strbuf_append_text(out, ", lost");
    if (inverse->why && (inverse->guard || inverse->grade != GRADE_EXACT)) {
        strbuf_append_text(out, ": ");
        printable_append_line(out, str_from(inverse->why));
    }
}

void plan_lock_print(struct strbuf *out, const struct plan_lock *lock)
{
    printable_append_line(out, str_from(lock->relation));
    strbuf_append_text(out, ": ");
    printable_append_line(out, str_from(lock->mode));
    strbuf_append_text(out, ", blocks ");
    printable_append_line(out, str_from(lock->blocks));
    if (lock->scan || lock->rewrite)
        strbuf_printf(out, "; %s it", lock->rewrite ? "rewrites" : "reads all of");
}
