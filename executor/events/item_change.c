#include "executor/events/item_change.h"

#include "spec/base/arena.h"
#include "spec/exit.h"

/* The pieces of the request; #N and :N stand for the N-th attribute that is named in it. */
struct change {
    struct strbuf condition, set, remove, names, values;
    size_t named, changed;
};

struct json *item_key(struct arena *arena, const struct item_table *table, const struct json *item)
{
    const struct str names[2] = {table->hash, table->range};
    struct json *key = json_new(arena, JSON_OBJECT);

    for (size_t i = 0; i < 2 && names[i].data; i++)
        json_set(arena, key, names[i].data, json_clone(arena, json_get(item, names[i].data)));
    return key;
}

/* A name may hold a NUL, as json_get() cannot. */
static const struct json *member_named(const struct json *item, struct str name)
{
    for (const struct json *member = item->child; member; member = member->next)
        if (str_equal(member->key, name))
            return member;
    return NULL;
}

static size_t name_attribute(struct change *change, struct str name)
{
    aws_format(&change->names, "%r'#%i':%S", change->named ? "," : "", (int64_t)change->named, &name);
    return change->named++;
}

static void add_value(struct change *change, const char *prefix, size_t number, const struct json *value)
{
    aws_format(&change->values, "%r':%r%i':%j", change->values.len ? "," : "", prefix, (int64_t)number, value);
}

static void set_to(struct change *change, size_t number, const struct json *value)
{
    strbuf_printf(&change->set, "%s#%zu=:n%zu", change->set.len ? "," : "", number, number);
    add_value(change, "n", number, value);
}

/* What is there has to be as it was. */
static size_t guard(struct change *change, const struct json *member)
{
    size_t number = name_attribute(change, member->key);

    strbuf_printf(&change->condition, "%s#%zu=:%zu", change->condition.len ? " AND " : "", number, number);
    add_value(change, "", number, member);
    return number;
}

static void add_changed(struct change *change, const struct json *from, const struct json *to)
{
    for (const struct json *member = from->child; member; member = member->next) {
        const struct json *other = member_named(to, member->key);
        size_t number;

        if (other && json_equal(member, other))
            continue;
        if (++change->changed > ITEM_CHANGES_MAX)
            return;
        number = guard(change, member);
        if (other)
            set_to(change, number, other);
        else
            strbuf_printf(&change->remove, "%s#%zu", change->remove.len ? "," : "", number);
    }
}

static void add_new(struct change *change, const struct json *from, const struct json *to)
{
    for (const struct json *member = to->child; member; member = member->next) {
        size_t number;

        if (member_named(from, member->key))
            continue;
        if (++change->changed > ITEM_CHANGES_MAX)
            return;
        number = name_attribute(change, member->key);
        strbuf_printf(&change->condition, "%sattribute_not_exists(#%zu)", change->condition.len ? " AND " : "", number);
        set_to(change, number, member);
    }
}

/* The hash key among them: an item that is gone must not come back. */
static void add_unchanged(
    struct change *change, const struct item_table *table, const struct json *from, const struct json *to)
{
    const struct json *hash = member_named(from, table->hash);

    guard(change, hash);
    for (const struct json *member = from->child; member && change->named < ITEM_GUARDS_MAX; member = member->next) {
        const struct json *other = member_named(to, member->key);

        if (member != hash && other && json_equal(member, other))
            guard(change, member);
    }
}

static void append_request(struct strbuf *out, const struct change *change, const struct json *key)
{
    aws_format(out,
        "'Key':%j,'UpdateExpression':'%r%r%r%r%r','ConditionExpression':'%r','ExpressionAttributeNames':{%r},"
        "'ExpressionAttributeValues':{%r}",
        key, change->set.len ? "SET " : "", change->set.len ? change->set.data : "",
        change->set.len && change->remove.len ? " " : "", change->remove.len ? "REMOVE " : "",
        change->remove.len ? change->remove.data : "", change->condition.data, change->names.data, change->values.data);
}

bool item_change_append(struct strbuf *out, const struct item_table *table, const struct json *from,
    const struct json *to, struct error *error)
{
    struct change change = {STRBUF_INIT, STRBUF_INIT, STRBUF_INIT, STRBUF_INIT, STRBUF_INIT, 0, 0};
    struct arena arena = ARENA_INIT;
    bool ok;

    add_changed(&change, from, to);
    add_new(&change, from, to);
    ok = change.changed >= 1 && change.changed <= ITEM_CHANGES_MAX;
    if (ok) {
        add_unchanged(&change, table, from, to);
        append_request(out, &change, item_key(&arena, table, from));
    } else if (change.changed) {
        error_set(error, EXIT_STATUS_HALTED, "more than %d attributes would change, and no condition can name them all",
            ITEM_CHANGES_MAX);
    } else {
        error_set(error, EXIT_STATUS_HALTED, "nothing of it would change");
    }
    strbuf_free(&change.condition);
    strbuf_free(&change.set);
    strbuf_free(&change.remove);
    strbuf_free(&change.names);
    strbuf_free(&change.values);
    arena_free(&arena);
    return ok;
}
