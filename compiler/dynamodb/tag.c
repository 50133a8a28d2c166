/*
 * Tags. A request adds and changes, or takes away; added and changed ones have requests of their own, because their ways
 * back differ.
 */
#include "compiler/dynamodb/dynamodb.h"
#include "spec/base/arena.h"

enum { TAGS_MAX = 50, TAG_KEY_MAX = 128, TAG_VALUE_MAX = 256 };

static bool bad_tag(struct dynamodb_backend *backend, const struct node *at, const char *message)
{
    diag_report(backend->compilation->diags, DIAG(DDB015), at->span, "%s", message);
    return false;
}

static bool check_tag(struct dynamodb_backend *backend, const struct node *key, const struct node *value)
{
    struct str name = node_text(key), text = node_text(value);

    if (utf8_count(name.data, name.len) > TAG_KEY_MAX)
        return bad_tag(backend, key, "the key of a tag has 128 characters at most");
    if (str_starts_with(name, "aws:") || str_starts_with(name, "invplan:"))
        return bad_tag(backend, key, "keys that begin with 'aws:' or 'invplan:' are not for anybody to set");
    if (value && utf8_count(text.data, text.len) > TAG_VALUE_MAX)
        return bad_tag(backend, value, "the value of a tag has 256 characters at most");
    return true;
}

static struct ddb_tag *find_tag(struct ddb_table *table, struct str key)
{
    for (size_t i = 0; i < table->tags.count; i++)
        if (str_equal(table->tags.items[i].key, key))
            return &table->tags.items[i];
    return NULL;
}

bool read_tags(struct dynamodb_backend *backend, const struct node *tags, struct ddb_table *table)
{
    if (!tags)
        return true;
    for (size_t i = 0; i < tags->count; i++) {
        const struct node *key = tags->members[i].key, *value = tags->members[i].value;

        if (!check_tag(backend, key, value))
            return false;
        VEC_PUSH(backend->compilation->arena, &table->tags, (struct ddb_tag){node_text(key), node_text(value)});
    }
    return table->tags.count < TAGS_MAX || bad_tag(backend, tags, "a table has 49 tags at most beside invplan's own");
}

/* --- requests ------------------------------------------------------------------------------------------------------- */

/* tags as "KEY": "VALUE"; a JSON null is one that is taken away. All of them are set, or all are taken away. */
static struct plan_action tags_action(struct arena *arena, const struct ddb_table *table, const struct json *tags)
{
    bool removed = json_is(tags->child, JSON_NULL);
    struct json *request = json_new(arena, JSON_OBJECT), *list = json_new(arena, JSON_ARRAY);
    struct ddb_call call = {removed ? "UntagResource" : "TagResource", request, NULL, NULL, NULL, false};

    json_set_text(arena, request, "TableName", table->name); /* the executor puts the table's ARN in its place */
    for (const struct json *tag = tags->child; tag; tag = tag->next) {
        struct json *one = json_new(arena, JSON_OBJECT);

        if (removed) {
            json_append(list, json_new_string(arena, tag->key));
            continue;
        }
        json_set(arena, one, "Key", json_new_string(arena, tag->key));
        json_set(arena, one, "Value", json_clone(arena, tag));
        json_append(list, one);
    }
    json_set(arena, request, removed ? "TagKeys" : "Tags", list);
    return ddb_call_action(arena, table, &call, probe_setting(arena, table, "tags", json_clone(arena, tags)));
}

static void push_tags(struct dynamodb_backend *backend, const struct project_step *step, struct ddb_table *table,
    const char *part_name, const struct json *after, const struct json *before, struct lowered_parts *out)
{
    struct arena *arena = backend->compilation->arena;
    struct lowered_part part = ddb_part(backend, step, part_name);

    if (!after->child)
        return;
    part.step.action = tags_action(arena, table, after);
    part.step.inverse.grade = GRADE_EXACT;
    part.step.inverse.action = tags_action(arena, table, before);
    ddb_part_effect(backend, &part, table, false);
    VEC_PUSH(arena, &out->items, part);
}

/* --- the step --------------------------------------------------------------------------------------------------------- */

struct tag_changes {
    struct json *added, *added_before;
    struct json *changed, *changed_before;
    struct json *removed, *removed_before;
};

static bool read_set(struct dynamodb_backend *backend, const struct node *tags, struct ddb_table *table,
    struct tag_changes *out)
{
    struct arena *arena = backend->compilation->arena;

    if (!tags)
        return true;
    for (size_t i = 0; i < tags->count; i++) {
        const struct node *key = tags->members[i].key, *value = tags->members[i].value;
        struct ddb_tag *known = find_tag(table, node_text(key));

        if (!check_tag(backend, key, value))
            return false;
        if (!known) {
            json_set_str(arena, out->added, node_text(key), json_new_string(arena, node_text(value)));
            json_set_str(arena, out->added_before, node_text(key), json_new(arena, JSON_NULL));
            VEC_PUSH(arena, &table->tags, (struct ddb_tag){node_text(key), node_text(value)});
        } else if (!str_equal(known->value, node_text(value))) {
            json_set_str(arena, out->changed, node_text(key), json_new_string(arena, node_text(value)));
            json_set_str(arena, out->changed_before, node_text(key), json_new_string(arena, known->value));
            known->value = node_text(value);
        }
    }
    return table->tags.count < TAGS_MAX || bad_tag(backend, tags, "a table has 49 tags at most beside invplan's own");
}

static bool read_removed(struct dynamodb_backend *backend, const struct node *names, struct ddb_table *table,
    struct tag_changes *out)
{
    struct arena *arena = backend->compilation->arena;

    for (size_t i = 0; names && i < names->count; i++) {
        struct ddb_tag *known = find_tag(table, node_text(names->items[i]));
        struct ddb_tag last;

        if (!check_tag(backend, names->items[i], NULL))
            return false;
        if (!known) {
            diag_report(backend->compilation->diags, DIAG(DDB012), names->items[i]->span,
                "table '%.*s' has no tag '%.*s' to take away", STR_ARG(table->authored_name),
                STR_ARG(node_text(names->items[i])));
            return false;
        }
        json_set_str(arena, out->removed, known->key, json_new(arena, JSON_NULL));
        json_set_str(arena, out->removed_before, known->key, json_new_string(arena, known->value));
        last = table->tags.items[--table->tags.count];
        *known = last;
    }
    return true;
}

bool lower_set_tags(struct dynamodb_backend *backend, const struct project_step *step, struct lowered_parts *out)
{
    struct arena *arena = backend->compilation->arena;
    struct ddb_table *table = catalog_table(backend, node_get(step->body, "table"));
    struct tag_changes changes = {json_new(arena, JSON_OBJECT), json_new(arena, JSON_OBJECT), json_new(arena, JSON_OBJECT),
        json_new(arena, JSON_OBJECT), json_new(arena, JSON_OBJECT), json_new(arena, JSON_OBJECT)};

    if (!table || !read_removed(backend, node_get(step->body, "remove"), table, &changes) ||
        !read_set(backend, node_get(step->body, "tags"), table, &changes))
        return false;
    if (!changes.added->child && !changes.changed->child && !changes.removed->child) {
        diag_report(backend->compilation->diags, DIAG(DDB012), step->key->span, "table '%.*s' has these tags already",
            STR_ARG(table->authored_name));
        return false;
    }
    push_tags(backend, step, table, "remove", changes.removed, changes.removed_before, out);
    push_tags(backend, step, table, "add", changes.added, changes.added_before, out);
    push_tags(backend, step, table, "change", changes.changed, changes.changed_before, out);
    return true;
}
