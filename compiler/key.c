#include "compiler/key.h"

#include <stdio.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/bug.h"

enum { CONTEXT_NAME_MAX = 128 };

/* --- step kinds ----------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum engine engine;
    const char *description;
} step_kinds[STEP_COUNT] = {
#define STEP_ROW(row_name, row_key, row_engine, row_doc) [STEP_##row_name] = {row_key, ENGINE_##row_engine, row_doc},
#include "compiler/step.def"
#undef STEP_ROW
};

const char *step_kind_name(enum step_kind kind)
{
    return step_kinds[kind].name;
}

enum engine step_kind_engine(enum step_kind kind)
{
    return step_kinds[kind].engine;
}

const char *step_kind_description(enum step_kind kind)
{
    return step_kinds[kind].description;
}

bool step_kind_from_name(struct str name, enum step_kind *out)
{
    for (enum step_kind kind = 0; kind < STEP_COUNT; kind++) {
        if (str_is(name, step_kinds[kind].name)) {
            *out = kind;
            return true;
        }
    }
    return false;
}

/* --- types ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *word;
    enum key_kind kind;
} type_words[] = {
    {"string", KEY_STRING},
    {"text", KEY_TEXT},
    {"name", KEY_NAME},
    {"id", KEY_ID},
    {"sql", KEY_SQL},
    {"cel", KEY_CEL},
    {"bool", KEY_BOOL},
    {"int", KEY_INT},
    {"duration", KEY_DURATION},
    {"date", KEY_DATE},
    {"enum", KEY_ENUM},
    {"path", KEY_PATH},
    {"reference", KEY_REFERENCE},
    {"any", KEY_ANY},
    {"step", KEY_STEP},
    {"list", KEY_LIST},
    {"map", KEY_MAP},
    {"numbers", KEY_NUMBERS},
    {"object", KEY_OBJECT},
};

/* Reads key.def's type texts. They are part of the program: what is wrong in them is a BUG(). */
struct type_reader {
    struct arena *arena;
    const char *at;
    const char *whole;
};

static struct key_type *read_type(struct type_reader *reader);

static bool take(struct type_reader *reader, char c)
{
    while (*reader->at == ' ')
        reader->at++;
    if (*reader->at != c)
        return false;
    reader->at++;
    return true;
}

static void expect(struct type_reader *reader, char c)
{
    if (!take(reader, c))
        BUG("key.def: '%c' expected at '%s' of '%s'", c, reader->at, reader->whole);
}

static struct str take_word(struct type_reader *reader)
{
    size_t len = strcspn(reader->at, "(),|? ");
    struct str word = {reader->at, len};

    reader->at += len;
    return word;
}

static void read_words(struct type_reader *reader, struct key_type *type)
{
    VEC(const char *) words = {0};

    do {
        struct str word = take_word(reader);

        VEC_PUSH(reader->arena, &words, arena_strndup(reader->arena, word.data, word.len));
    } while (take(reader, ','));
    type->words = words.items;
    type->word_count = words.count;
}

static void read_range(struct type_reader *reader, struct key_type *type)
{
    struct str range = take_word(reader);
    const char *dots = strstr(range.data, "..");

    if (!dots || !str_to_i64((struct str){range.data, (size_t)(dots - range.data)}, &type->min) ||
        !str_to_i64((struct str){dots + 2, range.len - (size_t)(dots - range.data) - 2}, &type->max))
        BUG("key.def: no range in '%s'", reader->whole);
}

static void read_arguments(struct type_reader *reader, struct key_type *type)
{
    type->may_be_empty = take(reader, '?');
    expect(reader, '(');
    switch (type->kind) {
    case KEY_INT:
        read_range(reader, type);
        break;
    case KEY_ENUM:
        read_words(reader, type);
        break;
    case KEY_OBJECT: {
        struct str word = take_word(reader);

        type->context = arena_strndup(reader->arena, word.data, word.len);
        break;
    }
    default:
        type->element = read_type(reader);
        break;
    }
    expect(reader, ')');
}

static struct key_type *read_type(struct type_reader *reader)
{
    struct key_type *type = ARENA_NEW(reader->arena, struct key_type);
    struct str word = take_word(reader);
    bool known = false;

    for (size_t i = 0; i < sizeof(type_words) / sizeof(*type_words) && !known; i++) {
        known = str_is(word, type_words[i].word);
        type->kind = type_words[i].kind;
    }
    if (!known)
        BUG("key.def: type '%.*s' in '%s'", STR_ARG(word), reader->whole);
    if (type->kind == KEY_INT || type->kind == KEY_ENUM || type->kind >= KEY_LIST)
        read_arguments(reader, type);
    if (take(reader, '|')) {
        while (*reader->at == ' ')
            reader->at++;
        type->next = read_type(reader);
    }
    return type;
}

/* --- the table ------------------------------------------------------------------------------------------------ */

enum row_kind { ROW_CONTEXT, ROW_KEY, ROW_OBJECT, ROW_SHORT, ROW_ONE_OF, ROW_EXCLUDING };

struct row {
    const char *context;
    const char *a, *b, *c;
    enum row_kind kind;
    enum key_presence presence;
};

static const struct row rows[] = {
#define CONTEXT_ROW(context, label, doc) {context, label, doc, NULL, ROW_CONTEXT, KEY_OPTIONAL},
#define KEY_ROW(context, key, type, presence, doc) {context, key, type, doc, ROW_KEY, KEY_##presence},
#define OBJECT_ROW(context, keys) {context, keys, NULL, NULL, ROW_OBJECT, KEY_OPTIONAL},
#define SHORT_ROW(context, key) {context, key, NULL, NULL, ROW_SHORT, KEY_OPTIONAL},
#define ONE_OF_ROW(context, keys) {context, keys, NULL, NULL, ROW_ONE_OF, KEY_OPTIONAL},
#define EXCLUDING_ROW(context, keys) {context, keys, NULL, NULL, ROW_EXCLUDING, KEY_OPTIONAL},
#include "compiler/key.def"
};

static struct key_context *get_context(struct key_table *table, struct arena *arena, const char *name)
{
    struct key_context *context = map_get(&table->by_name, str_from(name));

    if (context)
        return context;
    context = ARENA_NEW(arena, struct key_context);
    context->name = name;
    context->step = STEP_COUNT;
    if (strncmp(name, "step.", 5) == 0) {
        struct str kind = {name + 5, strcspn(name + 5, "@")};

        if (!step_kind_from_name(kind, &context->step))
            BUG("key.def: no step kind '%.*s'", STR_ARG(kind));
        context->label = step_kind_name(context->step);
        context->description = step_kind_description(context->step);
    }
    VEC_PUSH(arena, &table->contexts, context);
    map_put(&table->by_name, str_from(name), context);
    return context;
}

static void add_row(struct key_table *table, struct arena *arena, const struct row *row)
{
    struct key_context *context = get_context(table, arena, row->context);

    switch (row->kind) {
    case ROW_CONTEXT:
        context->label = row->a;
        context->description = row->b;
        break;
    case ROW_KEY: {
        struct type_reader reader = {arena, row->b, row->b};
        struct key key = {row->a, read_type(&reader), row->b, row->presence, row->c};

        VEC_PUSH(arena, &context->keys, key);
        break;
    }
    case ROW_OBJECT:
        context->object_keys = row->a;
        break;
    case ROW_SHORT:
        context->short_key = row->a;
        break;
    case ROW_ONE_OF:
        context->one_of = row->a;
        break;
    case ROW_EXCLUDING:
        VEC_PUSH(arena, &context->excluding, row->a);
        break;
    }
}

const struct key_table *key_table_create(struct arena *arena)
{
    struct key_table *table = ARENA_NEW(arena, struct key_table);

    map_init(&table->by_name, arena);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        add_row(table, arena, &rows[i]);
    for (enum step_kind kind = 0; kind < STEP_COUNT; kind++) {
        const char *name = arena_printf(arena, "step.%s", step_kind_name(kind));

        if (!key_context_find(table, name, ENGINE_POSTGRES) && !key_context_find(table, name, ENGINE_DYNAMODB))
            get_context(table, arena, name);
        for (enum engine engine = ENGINE_ANY; engine <= ENGINE_DYNAMODB; engine++)
            table->steps[engine][kind] = key_context_find(table, name, engine);
    }
    return table;
}

const struct key_context *key_context_find(const struct key_table *table, const char *name, enum engine engine)
{
    const struct key_context *context = map_get(&table->by_name, str_from(name));
    char qualified[CONTEXT_NAME_MAX];
    int len;

    if (context || engine == ENGINE_ANY)
        return context;
    len = snprintf(qualified, sizeof(qualified), "%s@%s", name, engine_name(engine));
    return len < CONTEXT_NAME_MAX ? map_get(&table->by_name, str_from(qualified)) : NULL;
}

const struct key_context *key_step_context(const struct key_table *table, enum step_kind kind, enum engine engine)
{
    return table->steps[engine][kind];
}

const struct key *key_find(const struct key_context *context, struct str name)
{
    for (size_t i = 0; i < context->keys.count; i++)
        if (str_is(name, context->keys.items[i].name))
            return &context->keys.items[i];
    return NULL;
}

bool key_next_word(const char **list, struct str *word)
{
    size_t len;

    if (!*list)
        return false;
    *list += strspn(*list, " ");
    len = strcspn(*list, " ");
    *word = (struct str){*list, len};
    *list += len;
    return len > 0;
}
