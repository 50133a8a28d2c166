#include "compiler/postgres/partition.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/postgres/lex.h"
#include "compiler/postgres/quote.h"

enum { KEYS_MAX = 32 }; /* PARTITION_MAX_KEYS */

struct pieces {
    const char *items[KEYS_MAX];
    size_t count;
};

/* The pieces between the bracket at `open` and its end, without their commas. */
static bool split(struct arena *arena, struct str text, size_t open, struct pieces *out, size_t *end)
{
    size_t close = lex_find_close(text, open), at = open + 1;

    out->count = 0;
    if (close == SIZE_MAX)
        return false;
    for (;;) {
        size_t stop = lex_expression_end(text, at, close);

        while (at < stop && (text.data[at] == ' ' || text.data[at] == '\n' || text.data[at] == '\t'))
            at++;
        if (stop == at || out->count == KEYS_MAX)
            return false;
        out->items[out->count++] = arena_strndup(arena, text.data + at, stop - at);
        while (stop < close && text.data[stop] != ',')
            stop++;
        if (stop == close)
            break;
        at = stop + 1;
    }
    *end = close + 1;
    return true;
}

static size_t find_open(struct str text, size_t from)
{
    struct lexer lexer = {.text = text, .at = from};

    for (struct lex_token token = lex_next(&lexer); token.kind != LEX_END; token = lex_next(&lexer))
        if (lex_is(text, token, "("))
            return token.start;
    return SIZE_MAX;
}

/* A key of PARTITION BY, to be used in an expression; NULL when it is more than a column, a call or (expression). */
static const char *key_expression(struct arena *arena, const char *key)
{
    struct str text = str_from(key);
    struct lexer lexer = {.text = text};
    struct lex_token token = lex_next(&lexer);
    const char *name = lex_identifier(arena, text, token);
    size_t close;

    if (name && token.end == text.len)
        return quote_name(arena, name);
    while (token.kind != LEX_END && !lex_is(text, token, "("))
        token = lex_next(&lexer);
    if (token.kind == LEX_END || (close = lex_find_close(text, token.start)) == SIZE_MAX)
        return NULL;
    lexer.at = close + 1;
    return lex_next(&lexer).kind == LEX_END ? key : NULL;
}

static bool read_keys(struct arena *arena, const struct relation *parent, struct pieces *keys)
{
    struct str text = str_from(parent->partition_by);
    size_t end;

    if (!split(arena, text, find_open(text, 0), keys, &end))
        return false;
    for (size_t i = 0; i < keys->count; i++) {
        keys->items[i] = key_expression(arena, keys->items[i]);
        if (!keys->items[i])
            return false;
    }
    return true;
}

static bool is_word(const char *text, const char *word)
{
    struct lexer lexer = {.text = str_from(text)};

    return lex_is(lexer.text, lex_next(&lexer), word);
}

static bool is_infinite(const char *value)
{
    return is_word(value, "minvalue") || is_word(value, "maxvalue");
}

/* One side of a range, column by column: k1 > a OR k1 = a AND k2 >= b. */
static void add_side(
    struct strbuf *buf, const struct pieces *keys, const struct pieces *values, size_t first, bool lower)
{
    bool any = false;

    for (size_t arm = first; arm < keys->count && !is_infinite(values->items[arm]); arm++) {
        const char *next = arm + 1 < keys->count ? values->items[arm + 1] : NULL;
        bool inclusive = next ? is_word(next, lower ? "minvalue" : "maxvalue") : lower;

        strbuf_append_text(buf, any ? " OR (" : " AND ((");
        for (size_t i = first; i < arm; i++)
            strbuf_printf(buf, "%s = %s AND ", keys->items[i], values->items[i]);
        strbuf_printf(
            buf, "%s %c%s %s)", keys->items[arm], lower ? '>' : '<', inclusive ? "=" : "", values->items[arm]);
        any = true;
        if (next && is_infinite(next))
            break;
    }
    if (any)
        strbuf_append_char(buf, ')');
}

static bool add_range(struct strbuf *buf, struct arena *arena, const struct pieces *keys, struct str bound, size_t open)
{
    struct pieces from, to;
    size_t end, first = 0;

    if (!split(arena, bound, open, &from, &end) || !split(arena, bound, find_open(bound, end), &to, &end) ||
        from.count != keys->count || to.count != keys->count)
        return false;
    for (size_t i = 0; i < keys->count; i++)
        strbuf_printf(buf, "%s%s IS NOT NULL", i ? " AND " : "", keys->items[i]);
    for (; first < keys->count && !is_infinite(from.items[first]) && strcmp(from.items[first], to.items[first]) == 0;
         first++)
        strbuf_printf(buf, " AND %s = %s", keys->items[first], from.items[first]);
    add_side(buf, keys, &from, first, true);
    add_side(buf, keys, &to, first, false);
    return true;
}

static bool add_list(struct strbuf *buf, struct arena *arena, const struct pieces *keys, struct str bound, size_t open)
{
    struct strbuf values = STRBUF_INIT;
    bool null = false;
    size_t at = open + 1, close = lex_find_close(bound, open), count = 0;

    (void)arena;
    if (keys->count != 1 || close == SIZE_MAX)
        return false;
    while (at < close) { /* any number of values */
        size_t stop = lex_expression_end(bound, at, close);
        struct lexer lexer = {.text = {bound.data, stop}, .at = at};

        if (lex_is(lexer.text, lex_next(&lexer), "null")) {
            null = true;
        } else {
            strbuf_append_text(&values, count++ ? ", " : "");
            strbuf_append(&values, bound.data + at, stop - at);
        }
        while (stop < close && bound.data[stop] != ',')
            stop++;
        at = stop + 1;
    }
    if (count)
        strbuf_printf(buf, null ? "%s IS NULL OR %s IN (%s)" : "%s IS NOT NULL AND %s IN (%s)", keys->items[0],
            keys->items[0], values.data);
    else
        strbuf_printf(buf, "%s IS NULL", keys->items[0]);
    strbuf_free(&values);
    return true;
}

/* The number behind a word of WITH (modulus 4, remainder 0). */
static const char *number_behind(struct arena *arena, struct str bound, const char *word)
{
    struct lexer lexer = {.text = bound};
    struct lex_token token = lex_next(&lexer);

    while (token.kind != LEX_END && !lex_is(bound, token, word))
        token = lex_next(&lexer);
    token = lex_next(&lexer);
    return token.kind == LEX_NUMBER ? arena_strndup(arena, bound.data + token.start, token.end - token.start) : NULL;
}

static bool add_hash(
    struct strbuf *buf, struct arena *arena, const struct relation *parent, const struct pieces *keys, struct str bound)
{
    const char *modulus = number_behind(arena, bound, "modulus"), *remainder = number_behind(arena, bound, "remainder");

    if (!modulus || !remainder)
        return false;
    strbuf_printf(buf, "pg_catalog.satisfies_hash_partition(%s::pg_catalog.regclass::pg_catalog.oid, %s, %s",
        quote_literal(arena, parent->qualified), modulus, remainder);
    for (size_t i = 0; i < keys->count; i++)
        strbuf_printf(buf, ", %s", keys->items[i]);
    strbuf_append_char(buf, ')');
    return true;
}

const char *partition_condition(struct arena *arena, const struct relation *parent, struct str bound)
{
    struct strbuf buf = STRBUF_INIT;
    struct lexer lexer = {.text = bound};
    struct lex_token token = lex_next(&lexer);
    const char *result = NULL;
    struct pieces keys;
    size_t open;
    bool ok = false;

    if (lex_is(bound, token, "for")) {
        lex_next(&lexer);
        token = lex_next(&lexer);
    }
    open = find_open(bound, token.end);
    if (!parent->partition_by || open == SIZE_MAX || !read_keys(arena, parent, &keys))
        return NULL;
    if (lex_is(bound, token, "from"))
        ok = add_range(&buf, arena, &keys, bound, open);
    else if (lex_is(bound, token, "in"))
        ok = add_list(&buf, arena, &keys, bound, open);
    else if (lex_is(bound, token, "with"))
        ok = add_hash(&buf, arena, parent, &keys, bound);
    if (ok)
        result = strbuf_copy(&buf, arena).data;
    strbuf_free(&buf);
    return result;
}

const char *partition_key_beyond(
    struct arena *arena, const struct relation *parent, const char *const *columns, size_t count)
{
    struct str text = str_from(parent->partition_by);
    struct pieces keys;
    size_t end;

    if (!split(arena, text, find_open(text, 0), &keys, &end))
        return NULL;
    for (size_t i = 0; i < keys.count; i++) {
        struct lexer lexer = {.text = str_from(keys.items[i])};
        const char *name = lex_identifier(arena, lexer.text, lex_next(&lexer));

        if (!name || lex_is(lexer.text, lex_next(&lexer), "(") || !relation_has_column_in(columns, count, name))
            return keys.items[i];
    }
    return NULL;
}

/* --- bounds beside each other ------------------------------------------------------------------------------------ */

enum order { ORDER_LESS, ORDER_SAME, ORDER_GREATER, ORDER_UNKNOWN };

/* One column's place in a bound of a range. */
struct value {
    enum value_kind { VALUE_OTHER, VALUE_LOWEST, VALUE_HIGHEST, VALUE_INTEGER, VALUE_SORTABLE } kind;
    int64_t integer;
    const char *text;
};

struct row {
    const struct value *values;
    size_t count;
};

static enum order order_of(int64_t difference)
{
    return difference < 0 ? ORDER_LESS : difference > 0 ? ORDER_GREATER : ORDER_SAME;
}

static bool read_integer(const char *text, int64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoll(text, &end, 10);
    return *text && !*end && errno == 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* '2024-01-31', '2024-01-31 00:00:00': the year first, and no time zone, so that they sort as they are written. */
static bool is_sortable(const char *text)
{
    size_t digits = strspn(text + 1, "0123456789"), len = strlen(text);

    return *text == '\'' && len > 2 && text[len - 1] == '\'' &&
           (digits == len - 2 || (digits == 4 && strspn(text + 1, "0123456789-:. ") == len - 2 && len <= 21));
}

static struct row read_row(struct arena *arena, const struct pieces *pieces)
{
    struct value *values = ARENA_ARRAY(arena, struct value, pieces->count);

    for (size_t i = 0; i < pieces->count; i++) {
        values[i].text = pieces->items[i];
        values[i].kind = is_word(values[i].text, "minvalue")                  ? VALUE_LOWEST
                         : is_word(values[i].text, "maxvalue")                ? VALUE_HIGHEST
                         : read_integer(values[i].text, &values[i].integer)   ? VALUE_INTEGER
                         : *values[i].text && is_sortable(values[i].text) ? VALUE_SORTABLE
                                                                          : VALUE_OTHER;
    }
    return (struct row){values, pieces->count};
}

static enum order compare_texts(const char *left, const char *right)
{
    if (strlen(left) != strlen(right))
        return ORDER_UNKNOWN;
    for (size_t i = 0; left[i]; i++)
        if (is_digit(left[i]) != is_digit(right[i]))
            return ORDER_UNKNOWN;
    return order_of(strcmp(left, right));
}

static enum order compare_values(const struct value *left, const struct value *right)
{
    if (left->kind == VALUE_LOWEST || right->kind == VALUE_HIGHEST)
        return left->kind == right->kind ? ORDER_SAME : ORDER_LESS;
    if (left->kind == VALUE_HIGHEST || right->kind == VALUE_LOWEST)
        return ORDER_GREATER;
    if (left->kind == VALUE_INTEGER && right->kind == VALUE_INTEGER)
        return left->integer < right->integer   ? ORDER_LESS
               : left->integer > right->integer ? ORDER_GREATER
                                                : ORDER_SAME;
    if (left->kind == VALUE_SORTABLE && right->kind == VALUE_SORTABLE)
        return compare_texts(left->text, right->text);
    return strcmp(left->text, right->text) == 0 ? ORDER_SAME : ORDER_UNKNOWN;
}

static enum order compare_rows(const struct row *left, const struct row *right)
{
    enum order order = left->count == right->count ? ORDER_SAME : ORDER_UNKNOWN;

    for (size_t i = 0; order == ORDER_SAME && i < left->count; i++) {
        order = compare_values(&left->values[i], &right->values[i]);
        if (left->values[i].kind == VALUE_LOWEST || left->values[i].kind == VALUE_HIGHEST)
            return order; /* what follows does not count */
    }
    return order;
}

enum { VALUES_MAX = 1000, BESIDE_MAX = 1000 }; /* that are compared: a mistake is found among these or by the server */

struct partition_bound {
    enum bound_kind { BOUND_OTHER, BOUND_DEFAULT, BOUND_RANGE, BOUND_LIST, BOUND_HASH } kind;
    struct str text;
    struct row from, to;      /* BOUND_RANGE */
    VEC(const char *) values; /* BOUND_LIST */
    int64_t modulus, remainder;
};

static void read_values(struct arena *arena, struct partition_bound *bound, size_t open)
{
    struct str text = bound->text;
    size_t close = lex_find_close(text, open);

    for (size_t at = open + 1; close != SIZE_MAX && at < close && bound->values.count < VALUES_MAX; at++) {
        struct lex_token first = lex_next(&(struct lexer){.text = text, .at = at});
        size_t stop = lex_expression_end(text, at, close);

        VEC_PUSH(arena, &bound->values,
            lex_is(text, first, "null") ? "NULL"
            : stop > first.start        ? arena_strndup(arena, text.data + first.start, stop - first.start)
                                        : "");
        for (at = stop; at < close && text.data[at] != ',';)
            at++;
    }
}

static struct partition_bound *read_bound(struct arena *arena, struct str text)
{
    struct partition_bound *bound = ARENA_NEW(arena, struct partition_bound);
    struct lexer lexer = {.text = text};
    struct lex_token token = lex_next(&lexer);
    struct pieces from, to;
    size_t open, end;

    bound->text = text;
    if (lex_is(text, token, "default")) {
        bound->kind = BOUND_DEFAULT;
        return bound;
    }
    if (lex_is(text, token, "for")) {
        lex_next(&lexer);
        token = lex_next(&lexer);
    }
    open = find_open(text, token.end);
    if (open == SIZE_MAX)
        return bound;
    if (lex_is(text, token, "in")) {
        bound->kind = BOUND_LIST;
        read_values(arena, bound, open);
    } else if (lex_is(text, token, "from")) {
        if (!split(arena, text, open, &from, &end) || !split(arena, text, find_open(text, end), &to, &end))
            return bound;
        bound->kind = BOUND_RANGE;
        bound->from = read_row(arena, &from);
        bound->to = read_row(arena, &to);
    } else if (lex_is(text, token, "with")) {
        const char *modulus = number_behind(arena, text, "modulus"), *rest = number_behind(arena, text, "remainder");

        if (modulus && rest && read_integer(modulus, &bound->modulus) && read_integer(rest, &bound->remainder) &&
            bound->modulus > 0)
            bound->kind = BOUND_HASH;
    }
    return bound;
}

/* Read once. */
static const struct partition_bound *bound_of(struct arena *arena, struct relation *partition)
{
    if (!partition->bound || partition->bound->text.data != partition->partition_bound)
        partition->bound = read_bound(arena, str_from(partition->partition_bound));
    return partition->bound;
}

static const char *shared_value(const struct map *values, const struct partition_bound *other)
{
    for (size_t i = 0; i < other->values.count; i++)
        if (map_has(values, str_from(other->values.items[i])))
            return other->values.items[i];
    return NULL;
}

static bool hashes_overlap(const struct partition_bound *left, const struct partition_bound *right)
{
    int64_t a = left->modulus, b = right->modulus;

    while (b) {
        int64_t rest = a % b;

        a = b;
        b = rest;
    }
    return left->remainder % a == right->remainder % a;
}

static const char *refuses_beside(struct arena *arena, const struct partition_bound *bound, const struct map *values,
    const struct partition_bound *beside, const char *name)
{
    const char *value;

    if (bound->kind != beside->kind)
        return NULL;
    switch (bound->kind) {
    case BOUND_OTHER:
        return NULL;
    case BOUND_DEFAULT:
        return arena_printf(arena, "'%s' is its default partition already", name);
    case BOUND_LIST:
        value = shared_value(values, beside);
        return value ? arena_printf(arena, "%s is of '%s' already", value, name) : NULL;
    case BOUND_RANGE:
        if (compare_rows(&bound->from, &beside->to) != ORDER_LESS ||
            compare_rows(&beside->from, &bound->to) != ORDER_LESS)
            return NULL;
        break;
    case BOUND_HASH:
        if (!hashes_overlap(bound, beside))
            return NULL;
        break;
    }
    return arena_printf(arena, "'%s' has some of its values", name);
}

const char *partition_refuses(struct arena *arena, struct arena *scratch, const struct relation *parent, struct str text)
{
    const struct partition_bound *bound = read_bound(scratch, text);
    size_t count = parent->children.count;
    const char *why = NULL;
    struct map values;

    if (bound->kind == BOUND_RANGE) {
        enum order order = compare_rows(&bound->from, &bound->to);

        if (order == ORDER_SAME || order == ORDER_GREATER)
            return "its range is empty";
    }
    map_init(&values, scratch);
    for (size_t i = 0; i < bound->values.count; i++)
        map_put(&values, str_from(bound->values.items[i]), &values);
    for (size_t i = count > BESIDE_MAX ? count - BESIDE_MAX : 0; i < count && !why; i++) {
        struct relation *other = parent->children.items[i];

        if (other->partition_bound)
            why = refuses_beside(scratch, bound, &values, bound_of(arena, other), other->name);
    }
    return why;
}
