/*
 * The service's rules, from the DynamoDB API reference (2012-08-10) and its developer guide's "Quotas" chapter.
 */
#include "compiler/dynamodb/dynamodb.h"
#include "spec/base/arena.h"

enum {
    NAME_MIN = 3,
    NAME_MAX = 255,
    ATTRIBUTE_NAME_MAX = 255,
    GLOBAL_INDEX_MAX = 20,
    LOCAL_INDEX_MAX = 5,
    INCLUDED_PER_INDEX_MAX = 20,
    INCLUDED_TOTAL_MAX = 100,
};

static bool name_characters_ok(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
                c == '.'))
            return false;
    }
    return true;
}

static bool rule_name(struct dynamodb_backend *backend, const struct node *at, struct str name, const char *what)
{
    struct diag *diag;

    if (name.len >= NAME_MIN && name.len <= NAME_MAX && name_characters_ok(name))
        return true;
    diag = diag_report(backend->compilation->diags, DIAG(DDB003), at->span, "'%.*s' is not a valid %s name",
        STR_ARG(name), what);
    diag_add_help(backend->compilation->diags, diag,
        "use %d to %d characters of a-z, A-Z, 0-9, '_', '-' and '.', table_prefix included", NAME_MIN, NAME_MAX);
    return false;
}

bool rule_table_name(struct dynamodb_backend *backend, const struct node *name, const char *full_name)
{
    return rule_name(backend, name, str_from(full_name), "table");
}

bool rule_index_name(struct dynamodb_backend *backend, const struct node *name)
{
    return rule_name(backend, name, node_text(name), "index");
}

static size_t included_count(const struct ddb_index *index)
{
    const struct json *included = json_get(index->projection, "NonKeyAttributes");

    return included ? included->count : 0;
}

bool rule_indexes(struct dynamodb_backend *backend, const struct ddb_table *table, const struct node *at)
{
    struct diag_list *diags = backend->compilation->diags;
    size_t local = 0, global = 0, included = 0, errors = diags->error_count;

    for (size_t i = 0; i < table->indexes.count; i++) {
        const struct ddb_index *index = &table->indexes.items[i];

        local += index->local;
        global += !index->local;
        included += included_count(index);
        if (included_count(index) > INCLUDED_PER_INDEX_MAX)
            diag_report(diags, DIAG(DDB008), at->span, "index '%.*s' includes %zu attributes: %d is the most",
                STR_ARG(index->name), included_count(index), INCLUDED_PER_INDEX_MAX);
        if (index->local && (index->key.count != 2 || !str_equal(index->key.items[0].name, table->key.items[0].name)))
            diag_report(diags, DIAG(DDB007), at->span,
                "local index '%.*s' must have the table's hash key '%.*s' and a range key", STR_ARG(index->name),
                STR_ARG(table->key.items[0].name));
        for (size_t j = 0; j < i; j++)
            if (str_equal(table->indexes.items[j].name, index->name))
                diag_report(diags, DIAG(DDB009), at->span, "table '%.*s' has an index '%.*s' already",
                    STR_ARG(table->authored_name), STR_ARG(index->name));
    }
    if (local > LOCAL_INDEX_MAX)
        diag_report(diags, DIAG(DDB007), at->span, "table '%.*s' has %zu local indexes: %d is the most",
            STR_ARG(table->authored_name), local, LOCAL_INDEX_MAX);
    if (global > GLOBAL_INDEX_MAX)
        diag_report(diags, DIAG(DDB006), at->span, "table '%.*s' has %zu global indexes: %d is the most",
            STR_ARG(table->authored_name), global, GLOBAL_INDEX_MAX);
    if (included > INCLUDED_TOTAL_MAX)
        diag_report(diags, DIAG(DDB008), at->span, "the indexes of table '%.*s' include %zu attributes: %d is the most",
            STR_ARG(table->authored_name), included, INCLUDED_TOTAL_MAX);
    return diags->error_count == errors;
}

bool rule_attribute_types(struct dynamodb_backend *backend, const struct ddb_table *table, const struct node *at)
{
    struct map types;
    bool ok = true;

    map_init(&types, backend->compilation->arena);
    for (size_t i = 0; i < table->key.count; i++)
        map_put(&types, table->key.items[i].name, &table->key.items[i]);
    for (size_t i = 0; i < table->indexes.count; i++) {
        const struct ddb_index *index = &table->indexes.items[i];

        for (size_t j = 0; j < index->key.count; j++) {
            const struct ddb_key *other = map_get(&types, index->key.items[j].name);

            if (other && !str_equal(other->type, index->key.items[j].type)) {
                diag_report(backend->compilation->diags, DIAG(DDB005), at->span,
                    "attribute '%.*s' is %.*s in one key and %.*s in another", STR_ARG(other->name),
                    STR_ARG(other->type), STR_ARG(index->key.items[j].type));
                ok = false;
            }
            map_put(&types, index->key.items[j].name, &index->key.items[j]);
        }
    }
    return ok;
}

bool read_key(struct dynamodb_backend *backend, const struct node *key, struct ddb_index *out)
{
    struct diag_list *diags = backend->compilation->diags;

    if (key->count < 1 || key->count > 2) {
        struct diag *diag = diag_report(diags, DIAG(DDB004), key->span, "a key has 1 or 2 attributes, not %zu", key->count);

        diag_add_help(diags, diag, "write the hash key first, then the range key: { id: S, createdAt: N }");
        return false;
    }
    for (size_t i = 0; i < key->count; i++) {
        struct ddb_key part = {node_text(key->members[i].key), node_text(key->members[i].value)};

        if (!str_is(part.type, "S") && !str_is(part.type, "N") && !str_is(part.type, "B")) {
            diag_report(diags, DIAG(DDB004), key->members[i].value->span,
                "a key attribute is S, N or B, not '%.*s'", STR_ARG(part.type));
            return false;
        }
        if (part.name.len == 0 || part.name.len > ATTRIBUTE_NAME_MAX) {
            diag_report(diags, DIAG(DDB004), key->members[i].key->span,
                "the name of a key attribute has 1 to %d bytes", ATTRIBUTE_NAME_MAX);
            return false;
        }
        VEC_PUSH(backend->compilation->arena, &out->key, part);
    }
    return true;
}

bool read_projection(struct dynamodb_backend *backend, const struct node *projection, const struct json **out)
{
    struct arena *arena = backend->compilation->arena;
    struct json *value = json_new(arena, JSON_OBJECT), *names;

    *out = value;
    if (!projection || str_is(node_text(projection), "all")) {
        json_set_text(arena, value, "ProjectionType", "ALL");
        return true;
    }
    if (str_is(node_text(projection), "keys_only")) {
        json_set_text(arena, value, "ProjectionType", "KEYS_ONLY");
        return true;
    }
    if (projection->kind != NODE_SEQUENCE || projection->count == 0) {
        diag_report(backend->compilation->diags, DIAG(DDB008), projection->span,
            "a projection is all, keys_only or a list of attributes to include");
        return false;
    }
    names = json_new(arena, JSON_ARRAY);
    for (size_t i = 0; i < projection->count; i++)
        json_append(names, json_new_string(arena, node_text(projection->items[i])));
    json_set_text(arena, value, "ProjectionType", "INCLUDE");
    json_set(arena, value, "NonKeyAttributes", names);
    return true;
}

bool read_capacity(struct dynamodb_backend *backend, const struct node *billing, struct ddb_capacity *out)
{
    const struct node *provisioned = node_get(billing, "provisioned");
    struct diag *diag;

    if (!billing || str_is(node_text(billing), "on_demand")) {
        *out = (struct ddb_capacity){.on_demand = true};
        return true;
    }
    if (provisioned && node_to_i64(node_get(provisioned, "read"), &out->read_units) &&
        node_to_i64(node_get(provisioned, "write"), &out->write_units) && out->read_units >= 1 &&
        out->write_units >= 1 && billing->count == 1 && provisioned->count == 2) {
        out->on_demand = false;
        return true;
    }
    diag = diag_report(backend->compilation->diags, DIAG(DDB010), billing->span, "this is not a billing mode");
    diag_add_help(backend->compilation->diags, diag,
        "write on_demand, or { provisioned: { read: 5, write: 5 } } with units of at least 1");
    return false;
}

const char *read_stream(const struct node *stream)
{
    static const struct {
        const char *word;
        const char *view_type;
    } views[] = {
        {"keys_only", "KEYS_ONLY"},
        {"new_image", "NEW_IMAGE"},
        {"old_image", "OLD_IMAGE"},
        {"new_and_old_images", "NEW_AND_OLD_IMAGES"},
    };

    for (size_t i = 0; i < sizeof(views) / sizeof(*views); i++)
        if (str_is(node_text(stream), views[i].word))
            return views[i].view_type;
    return NULL;
}
