#include "compiler/postgres/catalog.h"

#include <stdint.h>
#include <string.h>

#include "compiler/postgres/lex.h"
#include "compiler/postgres/quote.h"

void catalog_init(struct catalog *catalog, struct arena *arena)
{
    *catalog = (struct catalog){.arena = arena};
    map_init(&catalog->schemas, arena);
    map_init(&catalog->relations, arena);
    map_init(&catalog->types, arena);
    map_init(&catalog->functions, arena);
    map_init(&catalog->extensions, arena);
    map_init(&catalog->others, arena);
    map_init(&catalog->access, arena);
    map_init(&catalog->comments, arena);
    map_init(&catalog->dropped, arena);
}

/* A schema and a name with a NUL between them, which neither can hold. */
static struct str make_key(char *buffer, const char *schema, const char *name)
{
    size_t schema_len = strlen(schema), name_len = strlen(name);

    memcpy(buffer, schema, schema_len + 1);
    memcpy(buffer + schema_len + 1, name, name_len + 1);
    return (struct str){buffer, schema_len + 1 + name_len};
}

struct str catalog_key(struct catalog *catalog, const char *schema, const char *name)
{
    return make_key(arena_alloc(catalog->arena, strlen(schema) + strlen(name) + 2), schema, name);
}

static void *find(const struct map *map, const char *schema, const char *name)
{
    char buffer[2 * (QUOTE_NAME_MAX_BYTES + 1)];

    if (strlen(schema) > QUOTE_NAME_MAX_BYTES || strlen(name) > QUOTE_NAME_MAX_BYTES)
        return NULL;
    return map_get(map, make_key(buffer, schema, name));
}

struct relation *catalog_find_relation(const struct catalog *catalog, const char *schema, const char *name)
{
    return find(&catalog->relations, schema, name);
}

struct type_object *catalog_find_type(const struct catalog *catalog, const char *schema, const char *name)
{
    return find(&catalog->types, schema, name);
}

struct function *catalog_find_functions(const struct catalog *catalog, const char *schema, const char *name)
{
    return find(&catalog->functions, schema, name);
}

const char *catalog_find_dropped(const struct catalog *catalog, const char *schema, const char *name)
{
    return find(&catalog->dropped, schema, name);
}

struct column *relation_find_column(const struct relation *relation, const char *name)
{
    for (size_t i = 0; i < relation->columns.count; i++)
        if (strcmp(relation->columns.items[i]->name, name) == 0)
            return relation->columns.items[i];
    return NULL;
}

struct constraint *relation_find_constraint(const struct relation *relation, const char *name)
{
    for (size_t i = 0; i < relation->constraints.count; i++)
        if (strcmp(relation->constraints.items[i]->name, name) == 0)
            return relation->constraints.items[i];
    return NULL;
}

struct trigger *relation_find_trigger(const struct relation *relation, const char *name)
{
    for (size_t i = 0; i < relation->triggers.count; i++)
        if (strcmp(relation->triggers.items[i]->name, name) == 0)
            return relation->triggers.items[i];
    return NULL;
}

struct extra *relation_find_extra(const struct relation *relation, enum extra_kind kind, const char *name)
{
    for (size_t i = 0; i < relation->extras.count; i++)
        if (relation->extras.items[i]->kind == kind && strcmp(relation->extras.items[i]->name, name) == 0)
            return relation->extras.items[i];
    return NULL;
}

const char *extra_words(const struct extra *extra)
{
    static const char *const words[] = {
        [EXTRA_POLICY] = "POLICY", [EXTRA_RULE] = "RULE", [EXTRA_STATISTICS] = "STATISTICS"};

    return words[extra->kind];
}

struct constraint *relation_primary_key(const struct relation *relation)
{
    for (size_t i = 0; i < relation->constraints.count; i++)
        if (relation->constraints.items[i]->kind == CONSTRAINT_PRIMARY_KEY)
            return relation->constraints.items[i];
    return NULL;
}

bool relation_is_table(const struct relation *relation)
{
    return relation->kind == RELATION_TABLE || relation->kind == RELATION_PARTITIONED ||
           relation->kind == RELATION_FOREIGN_TABLE;
}

bool relation_has_column_in(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

void catalog_add_schema(struct catalog *catalog, const char *name, size_t born)
{
    struct schema *schema = ARENA_NEW(catalog->arena, struct schema);

    schema->born = born;
    map_put(&catalog->schemas, str_from(arena_strdup(catalog->arena, name)), schema);
}

struct relation *catalog_add_relation(
    struct catalog *catalog, enum relation_kind kind, const char *schema, const char *name, size_t born)
{
    struct relation *relation = ARENA_NEW(catalog->arena, struct relation);
    struct str key;

    relation->kind = kind;
    relation->schema = arena_strdup(catalog->arena, schema);
    relation->name = arena_strdup(catalog->arena, name);
    relation->qualified = quote_qualified(catalog->arena, schema, name);
    relation->born = born;
    key = catalog_key(catalog, schema, name);
    map_put(&catalog->relations, key, relation);
    map_remove(&catalog->dropped, key);
    catalog->has_temporaries = catalog->has_temporaries || strcmp(schema, "pg_temp") == 0;
    return relation;
}

/* Removes the pointer from a VEC of pointers, keeping the order. */
#define REMOVE(vec, item)                                                                                              \
    do {                                                                                                               \
        size_t remove_to = 0;                                                                                          \
        for (size_t remove_i = 0; remove_i < (vec)->count; remove_i++)                                                 \
            if ((vec)->items[remove_i] != (item))                                                                      \
                (vec)->items[remove_to++] = (vec)->items[remove_i];                                                    \
        (vec)->count = remove_to;                                                                                      \
    } while (0)

void catalog_set_reference(struct catalog *catalog, struct constraint *constraint, struct relation *referenced)
{
    constraint->referenced = referenced;
    VEC_PUSH(catalog->arena, &referenced->referenced_by, constraint);
}

struct constraint *catalog_add_constraint(
    struct catalog *catalog, struct relation *relation, enum constraint_kind kind, const char *name)
{
    struct constraint *constraint = ARENA_NEW(catalog->arena, struct constraint);

    constraint->name = arena_strdup(catalog->arena, name);
    constraint->kind = kind;
    constraint->relation = relation;
    constraint->options = "";
    constraint->valid = true;
    VEC_PUSH(catalog->arena, &relation->constraints, constraint);
    return constraint;
}

static void forget_relation(struct catalog *catalog, struct relation *relation, const char *by)
{
    struct str key = catalog_key(catalog, relation->schema, relation->name);

    map_remove(&catalog->relations, key);
    if (by)
        map_put(&catalog->dropped, key, arena_strdup(catalog->arena, by));
}

void catalog_drop_constraint(struct catalog *catalog, struct constraint *constraint, const char *by)
{
    if (constraint->index) {
        while (constraint->index->children.count) /* the partitions' */
            catalog_drop_relation(
                catalog, constraint->index->children.items[constraint->index->children.count - 1], by);
        if (constraint->index->parent)
            REMOVE(&constraint->index->parent->children, constraint->index);
        REMOVE(&constraint->relation->indexes, constraint->index);
        forget_relation(catalog, constraint->index, by);
    }
    if (constraint->referenced)
        REMOVE(&constraint->referenced->referenced_by, constraint);
    REMOVE(&constraint->relation->constraints, constraint);
}

static void disown(struct relation *sequence)
{
    struct relation *owner = sequence->owner;

    REMOVE(&owner->sequences, sequence);
    for (size_t i = 0; i < owner->columns.count; i++)
        if (owner->columns.items[i]->sequence == sequence)
            owner->columns.items[i]->sequence = NULL;
    sequence->owner = NULL;
    sequence->owner_column = NULL;
}

void catalog_set_owner(
    struct catalog *catalog, struct relation *sequence, struct relation *relation, const char *column)
{
    if (sequence->owner)
        disown(sequence);
    if (!relation)
        return;
    sequence->owner = relation;
    sequence->owner_column = column;
    VEC_PUSH(catalog->arena, &relation->sequences, sequence);
}

static void leave_parents(struct catalog *catalog, const struct relation *relation)
{
    const struct map_entry *entry;

    for (size_t i = 0; map_next(&catalog->relations, &i, &entry);) {
        struct relation *parent = entry->value;

        REMOVE(&parent->children, relation);
    }
}

void catalog_drop_relation(struct catalog *catalog, struct relation *relation, const char *by)
{
    if (relation->kind == RELATION_INDEX && relation->index) {
        if (relation->index->constraint)
            REMOVE(&relation->index->table->constraints, relation->index->constraint);
        REMOVE(&relation->index->table->indexes, relation);
    }
    while (relation->children.count) /* of two parents, one knows */
        catalog_drop_relation(catalog, relation->children.items[--relation->children.count], by);
    while (relation->referenced_by.count)
        catalog_drop_constraint(catalog, relation->referenced_by.items[relation->referenced_by.count - 1], by);
    while (relation->constraints.count)
        catalog_drop_constraint(catalog, relation->constraints.items[relation->constraints.count - 1], by);
    while (relation->indexes.count)
        catalog_drop_relation(catalog, relation->indexes.items[relation->indexes.count - 1], by);
    while (relation->sequences.count)
        catalog_drop_relation(catalog, relation->sequences.items[relation->sequences.count - 1], by);
    if (relation->owner)
        disown(relation);
    for (size_t i = 0; i < relation->reads.count; i++)
        REMOVE(&relation->reads.items[i]->read_by, relation);
    while (relation->read_by.count)
        catalog_drop_relation(catalog, relation->read_by.items[relation->read_by.count - 1], by);
    if (relation->several_parents)
        leave_parents(catalog, relation);
    else if (relation->parent)
        REMOVE(&relation->parent->children, relation);
    forget_relation(catalog, relation, by);
}

bool column_draws_from(const struct column *column, const struct relation *sequence)
{
    struct lexer lexer = {.text = str_from(column->default_sql ? column->default_sql : "")};
    struct lex_token call = lex_next(&lexer), open = lex_next(&lexer), name = lex_next(&lexer), behind = lex_next(&lexer);
    struct str written;
    size_t end;

    if (!lex_is(lexer.text, call, "nextval") || !lex_is(lexer.text, open, "(") || name.kind != LEX_STRING ||
        name.end - name.start < 2)
        return false;
    if (lex_is(lexer.text, behind, ":") && lex_is(lexer.text, lex_next(&lexer), ":") &&
        !lex_is(lexer.text, lex_next(&lexer), "regclass"))
        return false; /* a text: it is looked up anew each time */
    written = (struct str){lexer.text.data + name.start + 1, name.end - name.start - 2};
    return lex_find_name(written, 0, written.len, sequence->name, &end) != SIZE_MAX && end == written.len;
}

static void rename_in_defaults(
    struct catalog *catalog, const struct relation *sequence, const char *schema, const char *name)
{
    const struct map_entry *entry;

    for (size_t i = 0; map_next(&catalog->relations, &i, &entry);) {
        const struct relation *relation = entry->value;

        for (size_t k = 0; k < relation->columns.count; k++)
            if (column_draws_from(relation->columns.items[k], sequence))
                relation->columns.items[k]->default_sql = arena_printf(catalog->arena, "nextval(%s)",
                    quote_literal(catalog->arena, quote_qualified(catalog->arena, schema, name)));
    }
}

/* What is written about the table is not known as text any more; column: only where it names that. */
static void forget_texts(const struct relation *relation, const char *column)
{
    size_t end;

    for (size_t i = 0; i < relation->triggers.count; i++) {
        struct trigger *trigger = relation->triggers.items[i];

        if (!column || (trigger->sql && lex_find_name(str_from(trigger->sql), 0, SIZE_MAX, column, &end) != SIZE_MAX))
            trigger->sql = NULL;
    }
    for (size_t i = 0; i < relation->extras.count; i++) {
        struct extra *extra = relation->extras.items[i];

        if (!column || (extra->sql && lex_find_name(str_from(extra->sql), 0, SIZE_MAX, column, &end) != SIZE_MAX))
            extra->sql = NULL;
    }
}

void catalog_forget_mentions(struct catalog *catalog, const char *name)
{
    const struct map_entry *entry;
    size_t end;

    for (size_t i = 0; map_next(&catalog->relations, &i, &entry);) {
        struct relation *relation = entry->value;

        forget_texts(relation, name);
        if (relation->sql && lex_find_name(str_from(relation->sql), 0, SIZE_MAX, name, &end) != SIZE_MAX)
            relation->stale = true;
    }
}

void catalog_forget_signatures(struct catalog *catalog, const char *type)
{
    const struct map_entry *entry;
    size_t end;

    for (size_t i = 0; map_next(&catalog->functions, &i, &entry);)
        for (struct function *function = entry->value; function; function = function->next)
            if (function->user_types && function->sql &&
                lex_find_name(str_from(function->sql), 0, SIZE_MAX, type, &end) != SIZE_MAX)
                function->sql = NULL;
}

void catalog_rename_relation(
    struct catalog *catalog, struct relation *relation, const char *schema, const char *name, const char *by)
{
    if (relation->kind == RELATION_SEQUENCE)
        rename_in_defaults(catalog, relation, schema, name);
    if (relation->kind != RELATION_INDEX) {
        catalog_forget_mentions(catalog, relation->name);
        catalog_forget_signatures(catalog, relation->name);
    }
    forget_relation(catalog, relation, by);
    relation->schema = arena_strdup(catalog->arena, schema);
    relation->name = arena_strdup(catalog->arena, name);
    relation->qualified = quote_qualified(catalog->arena, schema, name);
    map_put(&catalog->relations, catalog_key(catalog, schema, name), relation);
    map_remove(&catalog->dropped, catalog_key(catalog, schema, name));
    forget_texts(relation, NULL);
    for (size_t i = 0; i < relation->read_by.count; i++)
        relation->read_by.items[i]->stale = true;
}

/* A text holds no NUL, and a pointer does: they cannot be taken for each other. */
static struct str access_key(const void *const *object, const char *text)
{
    return *object ? (struct str){(const char *)object, sizeof(*object)} : str_from(text);
}

struct access *catalog_find_access(const struct catalog *catalog, const void *object, const char *text)
{
    return map_get(&catalog->access, access_key(&object, text));
}

struct access *catalog_make_access(struct catalog *catalog, const void *object, const char *text)
{
    struct access *access = catalog_find_access(catalog, object, text);
    const void **kept;

    if (access)
        return access;
    access = ARENA_NEW(catalog->arena, struct access);
    kept = ARENA_NEW(catalog->arena, const void *);
    *kept = object;
    map_put(&catalog->access, access_key(kept, object ? NULL : arena_strdup(catalog->arena, text)), access);
    return access;
}

/* to NULL: the column goes, and what it is set to. */
static void rename_in_settings(struct relation *relation, const char *from, const char *to)
{
    size_t kept = 0;

    for (size_t i = 0; i < relation->settings.count; i++) {
        struct setting setting = relation->settings.items[i];

        if (setting.column && strcmp(setting.column, from) == 0)
            setting.column = to;
        if (setting.column || !relation->settings.items[i].column)
            relation->settings.items[kept++] = setting;
    }
    relation->settings.count = kept;
}

/* Likewise the privileges on it. */
static void rename_in_access(struct catalog *catalog, const struct relation *relation, const char *from, const char *to)
{
    struct access *access = catalog_find_access(catalog, relation, NULL);
    size_t kept = 0;

    for (size_t i = 0; access && i < access->privileges.count; i++) {
        struct privilege privilege = access->privileges.items[i];

        if (privilege.column && strcmp(privilege.column, from) == 0)
            privilege.column = to;
        if (privilege.column || !access->privileges.items[i].column)
            access->privileges.items[kept++] = privilege;
    }
    if (access)
        access->privileges.count = kept;
}

struct column *catalog_add_column(
    struct catalog *catalog, struct relation *relation, const char *name, const struct type *type, size_t born)
{
    struct column *column = ARENA_NEW(catalog->arena, struct column);

    column->name = arena_strdup(catalog->arena, name);
    column->type = *type;
    column->born = born;
    VEC_PUSH(catalog->arena, &relation->columns, column);
    catalog_note_growth(relation);
    return column;
}

bool index_mentions(const struct index *index, const char *column)
{
    size_t end;

    for (size_t i = 0; i < index->element_count; i++) {
        const struct index_element *element = &index->elements[i];

        if (element->column ? strcmp(element->column, column) == 0
                            : lex_find_name(str_from(element->sql), 0, SIZE_MAX, column, &end) != SIZE_MAX)
            return true;
    }
    return relation_has_column_in(index->include, index->include_count, column) ||
           (index->where && lex_find_name(str_from(index->where), 0, SIZE_MAX, column, &end) != SIZE_MAX);
}

void catalog_drop_column(struct catalog *catalog, struct relation *relation, struct column *column, const char *by)
{
    for (size_t i = relation->constraints.count; i > 0; i--) {
        struct constraint *constraint = relation->constraints.items[i - 1];

        if (relation_has_column_in(constraint->columns, constraint->column_count, column->name))
            catalog_drop_constraint(catalog, constraint, by);
    }
    for (size_t i = relation->indexes.count; i > 0; i--)
        if (index_mentions(relation->indexes.items[i - 1]->index, column->name))
            catalog_drop_relation(catalog, relation->indexes.items[i - 1], by);
    for (size_t i = relation->referenced_by.count; i > 0; i--) {
        struct constraint *constraint = relation->referenced_by.items[i - 1];

        if (relation_has_column_in(constraint->referenced_columns, constraint->referenced_count, column->name))
            catalog_drop_constraint(catalog, constraint, by);
    }
    for (size_t i = relation->sequences.count; i > 0; i--)
        if (strcmp(relation->sequences.items[i - 1]->owner_column, column->name) == 0)
            catalog_drop_relation(catalog, relation->sequences.items[i - 1], by);
    rename_in_access(catalog, relation, column->name, NULL);
    rename_in_settings(relation, column->name, NULL);
    REMOVE(&relation->columns, column);
}

static const char *const *rename_in(
    struct arena *arena, const char *const *names, size_t count, const char *from, const char *to)
{
    const char **renamed = ARENA_ARRAY(arena, const char *, count);

    for (size_t i = 0; i < count; i++)
        renamed[i] = strcmp(names[i], from) == 0 ? to : names[i];
    return renamed;
}

static void rename_in_index(
    struct arena *arena, struct index *index, const char *from, const char *to, const char *quoted)
{
    struct index_element *elements = ARENA_ARRAY(arena, struct index_element, index->element_count);

    for (size_t i = 0; i < index->element_count; i++) {
        elements[i] = index->elements[i];
        if (!elements[i].column)
            elements[i].sql = lex_rename(arena, elements[i].sql, from, quoted);
        else if (strcmp(elements[i].column, from) == 0)
            elements[i].column = to;
    }
    index->elements = elements;
    index->include = rename_in(arena, index->include, index->include_count, from, to);
    if (index->where)
        index->where = lex_rename(arena, index->where, from, quoted);
}

void catalog_rename_column(struct catalog *catalog, struct relation *relation, struct column *column, const char *name)
{
    struct arena *arena = catalog->arena;
    const char *from = column->name, *to = arena_strdup(arena, name), *quoted = quote_name(arena, name);

    for (size_t i = 0; i < relation->constraints.count; i++) {
        struct constraint *constraint = relation->constraints.items[i];

        constraint->columns = rename_in(arena, constraint->columns, constraint->column_count, from, to);
        constraint->not_null = rename_in(arena, constraint->not_null, constraint->not_null_count, from, to);
        if (constraint->expression)
            constraint->expression = lex_rename(arena, constraint->expression, from, quoted);
    }
    for (size_t i = 0; i < relation->indexes.count; i++)
        rename_in_index(arena, relation->indexes.items[i]->index, from, to, quoted);
    for (size_t i = 0; i < relation->referenced_by.count; i++) {
        struct constraint *constraint = relation->referenced_by.items[i];

        constraint->referenced_columns =
            rename_in(arena, constraint->referenced_columns, constraint->referenced_count, from, to);
    }
    for (size_t i = 0; i < relation->columns.count; i++)
        if (relation->columns.items[i]->generated_sql)
            relation->columns.items[i]->generated_sql =
                lex_rename(arena, relation->columns.items[i]->generated_sql, from, quoted);
    for (size_t i = 0; i < relation->read_by.count; i++)
        relation->read_by.items[i]->stale = true;
    for (size_t i = 0; i < relation->sequences.count; i++)
        if (strcmp(relation->sequences.items[i]->owner_column, from) == 0)
            relation->sequences.items[i]->owner_column = to;
    rename_in_access(catalog, relation, from, to);
    rename_in_settings(relation, from, to);
    forget_texts(relation, from);
    column->name = to;
}

void catalog_drop_trigger(struct relation *relation, const struct trigger *trigger)
{
    REMOVE(&relation->triggers, trigger);
}

struct extra *catalog_add_extra(
    struct catalog *catalog, struct relation *relation, enum extra_kind kind, const char *name, const char *sql)
{
    struct extra *extra = ARENA_NEW(catalog->arena, struct extra);

    *extra = (struct extra){.kind = kind, .name = arena_strdup(catalog->arena, name), .sql = sql};
    VEC_PUSH(catalog->arena, &relation->extras, extra);
    return extra;
}

void catalog_drop_extra(struct relation *relation, const struct extra *extra)
{
    REMOVE(&relation->extras, extra);
}

void catalog_drop_function(struct catalog *catalog, struct function *function)
{
    struct str key = catalog_key(catalog, function->schema, function->name);
    struct function *other = map_get(&catalog->functions, key);

    if (other == function && !function->next) {
        map_remove(&catalog->functions, key);
    } else if (other == function) {
        map_put(&catalog->functions, key, function->next);
    } else {
        while (other->next != function)
            other = other->next;
        other->next = function->next;
    }
    function->next = NULL;
}

void catalog_set_parent(struct catalog *catalog, struct relation *child, struct relation *parent)
{
    child->several_parents = child->several_parents || child->parent;
    child->parent = parent;
    VEC_PUSH(catalog->arena, &parent->children, child);
}

void catalog_clear_parent(struct relation *child)
{
    REMOVE(&child->parent->children, child);
    child->parent = NULL;
}

void catalog_clear_reads(struct relation *view)
{
    for (size_t i = 0; i < view->reads.count; i++)
        REMOVE(&view->reads.items[i]->read_by, view);
    view->reads.count = view->read_columns.count = 0;
    view->has_star = view->grown = false;
}

void catalog_add_read(struct catalog *catalog, struct relation *view, struct relation *relation)
{
    for (size_t i = 0; i < view->reads.count; i++)
        if (view->reads.items[i] == relation)
            return;
    VEC_PUSH(catalog->arena, &view->reads, relation);
    VEC_PUSH(catalog->arena, &relation->read_by, view);
}

void catalog_note_growth(const struct relation *relation)
{
    for (size_t i = 0; i < relation->read_by.count; i++)
        relation->read_by.items[i]->grown = relation->read_by.items[i]->has_star;
}

const char *const *catalog_relation_names(
    const struct catalog *catalog, struct arena *arena, const char *schema, size_t *count)
{
    const struct map_entry *entry;
    const char **names = ARENA_ARRAY(arena, const char *, catalog->relations.count + 1);

    *count = 0;
    for (size_t i = 0; map_next(&catalog->relations, &i, &entry);) {
        const struct relation *relation = entry->value;

        if (strcmp(relation->schema, schema) == 0)
            names[(*count)++] = relation->name;
    }
    return names;
}

const char *const *relation_column_names(const struct relation *relation, struct arena *arena, size_t *count)
{
    const char **names = ARENA_ARRAY(arena, const char *, relation->columns.count + 1);

    for (size_t i = 0; i < relation->columns.count; i++)
        names[i] = relation->columns.items[i]->name;
    *count = relation->columns.count;
    return names;
}
