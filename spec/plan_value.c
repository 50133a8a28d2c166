/* Values of a plan read by their table, plan_key.def. */
#include <stdint.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/plan_reader.h"

enum { CANDIDATES_MAX = 64 };

static bool fail(struct plan_reader *reader, const struct plan_place *place, const char *wanted)
{
    return PLAN_READER_FAIL(reader, place, "must be %s", wanted);
}

static bool fail_unknown_key(struct plan_reader *reader, const struct plan_place *place, enum plan_object object,
    struct str key)
{
    const char *candidates[CANDIDATES_MAX], *meant;
    size_t count;
    const struct plan_key *keys = plan_object_keys(object, &count);

    for (size_t i = 0; i < count && i < CANDIDATES_MAX; i++)
        candidates[i] = keys[i].name;
    meant = str_did_you_mean(key, candidates, count < CANDIDATES_MAX ? count : CANDIDATES_MAX);
    plan_reader_fail(reader, place, "unknown key '%.*s'%s%s%s", key.len > 100 ? 100 : (int)key.len, key.data,
        meant ? "; did you mean '" : "", meant ? meant : "", meant ? "'?" : "");
    error_help(reader->error,
        "this version of invplan does not know it: use the version that compiled the plan, or compile it again");
    return false;
}

/* No row but the one at `wanted` may stand at this place. */
static bool fail_order(struct plan_reader *reader, const struct plan_place *place, enum plan_object object,
    const struct plan_key *wanted, const struct json *found)
{
    size_t count;
    const struct plan_key *keys = plan_object_keys(object, &count);

    if (!found)
        return PLAN_READER_FAIL(reader, place, "key '%s' is missing", wanted->name);
    for (size_t i = 0; i < count; i++)
        if (str_is(found->key, keys[i].name))
            return PLAN_READER_FAIL(reader, place, "key '%s' is missing, or stands behind '%s'", wanted->name,
                keys[i].name);
    return fail_unknown_key(reader, place, object, found->key);
}

static bool has_control(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7F)
            return true;
    return false;
}

static bool check_name(struct plan_reader *reader, const struct plan_place *place, const struct json *value)
{
    if (!json_is(value, JSON_STRING) || value->text.len == 0 || has_control(value->text))
        return fail(reader, place, "a text that is not empty and holds no control characters");
    return true;
}

/* Relative, and staying inside the project. */
static bool check_path(struct plan_reader *reader, const struct plan_place *place, const struct json *value)
{
    struct str rest;

    if (!check_name(reader, place, value))
        return false;
    rest = value->text;
    while (rest.len) {
        const char *slash = memchr(rest.data, '/', rest.len);
        struct str part = {rest.data, slash ? (size_t)(slash - rest.data) : rest.len};

        if (part.len == 0 || str_is(part, ".."))
            return fail(reader, place, "a relative path without '..'");
        rest.data += part.len + (slash ? 1 : 0);
        rest.len -= part.len + (slash ? 1 : 0);
    }
    return true;
}

static bool check_text(struct plan_reader *reader, const struct plan_place *place, const struct json *value)
{
    return json_is(value, JSON_STRING) || fail(reader, place, "a text");
}

static bool check_digest(struct plan_reader *reader, const struct plan_place *place, const struct json *value)
{
    return (json_is(value, JSON_STRING) && digest_is_hex(value->text)) ||
           fail(reader, place, "a SHA-256 digest of 64 hexadecimal digits");
}

static bool read_integer(struct plan_reader *reader, const struct plan_place *place, const struct json *value,
    int64_t max, int64_t *out)
{
    uint64_t number;

    if (!json_is(value, JSON_NUMBER) || !str_to_u64(value->text, &number) || number > (uint64_t)max)
        return fail(reader, place, "an integer that is not negative");
    *out = (int64_t)number;
    return true;
}

static bool read_enum(struct plan_reader *reader, const struct plan_place *place, const struct json *value,
    enum plan_kind kind, unsigned *out)
{
    size_t count, known = 0;
    const char *const *names = plan_kind_names(kind, &count);
    const char *candidates[CANDIDATES_MAX], *meant;

    if (!check_name(reader, place, value))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (names[i] && str_is(value->text, names[i])) {
            *out = (unsigned)i;
            return true;
        }
        if (names[i] && known < CANDIDATES_MAX)
            candidates[known++] = names[i];
    }
    meant = str_did_you_mean(value->text, candidates, known);
    plan_reader_fail(reader, place, "'%.100s' is unknown%s%s%s", value->text.data, meant ? "; did you mean '" : "",
        meant ? meant : "", meant ? "'?" : "");
    error_help(reader->error,
        "this version of invplan does not know it: use the version that compiled the plan, or compile it again");
    return false;
}

/* A VEC of any element type; written with memcpy(), as the types differ. */
struct any_vec {
    void *items;
    size_t count;
    size_t capacity;
};

static bool read_elements(struct plan_reader *reader, const struct plan_place *place, const struct json *value,
    enum plan_object of, struct any_vec *out)
{
    size_t size = of == PLAN_OBJECT_NOTHING ? sizeof(const char *) : plan_object_size(of), index = 0;

    if (!json_is(value, JSON_ARRAY))
        return fail(reader, place, "a list");
    out->items = arena_calloc(reader->arena, value->count, size);
    out->count = out->capacity = value->count;
    for (const struct json *element = value->child; element; element = element->next, index++) {
        struct plan_place here = {place, NULL, index};

        if (of != PLAN_OBJECT_NOTHING) {
            if (!plan_value_read(reader, &here, element, of, (char *)out->items + index * size))
                return false;
        } else if (!check_name(reader, &here, element)) {
            return false;
        } else {
            ((const char **)out->items)[index] = element->text.data;
        }
    }
    return true;
}

static bool read_connection(struct plan_reader *reader, const struct plan_place *place, const struct json *value,
    struct any_vec *out)
{
    struct plan_connection_field *field;

    if (!json_is(value, JSON_OBJECT))
        return fail(reader, place, "an object");
    field = ARENA_ARRAY(reader->arena, struct plan_connection_field, value->count);
    *out = (struct any_vec){field, value->count, value->count};
    for (const struct json *member = value->child; member; member = member->next, field++) {
        struct plan_place here = {place, member->key.data, PLAN_PLACE_KEY};

        if (has_control(member->key) || member->key.len == 0)
            return PLAN_READER_FAIL(reader, place, "has a key with control characters, or an empty one");
        if (!check_text(reader, &here, member))
            return false;
        *field = (struct plan_connection_field){member->key.data, member->text.data};
    }
    return true;
}

static bool read_inverse_action(struct plan_reader *reader, const struct plan_place *place, const struct json *value,
    struct plan_inverse *inverse)
{
    if (inverse->grade == GRADE_IMPOSSIBLE)
        return json_is(value, JSON_NULL) || fail(reader, place, "null where the grade is 'impossible'");
    if (json_is(value, JSON_OBJECT) && value->count == 1 && json_is(json_get(value, "none"), JSON_TRUE)) {
        inverse->action.none = true;
        return true;
    }
    return plan_value_read(reader, place, value, PLAN_OBJECT_ACTION, &inverse->action);
}

static bool read_text(struct plan_reader *reader, const struct plan_place *place, const struct plan_key *key,
    const struct json *value, const char **out)
{
    bool valid;

    switch (key->kind) {
    case PLAN_KIND_NAME:
        valid = check_name(reader, place, value);
        break;
    case PLAN_KIND_PATH:
        valid = check_path(reader, place, value);
        break;
    case PLAN_KIND_DIGEST:
        valid = check_digest(reader, place, value);
        break;
    default:
        valid = check_text(reader, place, value);
        break;
    }
    if (valid)
        *out = value->text.data;
    return valid;
}

static bool read_scalar(struct plan_reader *reader, const struct plan_place *place, const struct plan_key *key,
    const struct json *value, void *member)
{
    int64_t number;
    unsigned constant;

    switch (key->kind) {
    case PLAN_KIND_INTEGER:
        return read_integer(reader, place, value, INT64_MAX, member);
    case PLAN_KIND_ESTIMATE:
        if (json_is(value, JSON_NULL)) {
            *(int64_t *)member = -1;
            return true;
        }
        return read_integer(reader, place, value, INT64_MAX, member);
    case PLAN_KIND_SMALL:
        if (!read_integer(reader, place, value, INT32_MAX, &number))
            return false;
        *(int *)member = (int)number;
        return true;
    case PLAN_KIND_BOOL:
        if (!json_is(value, JSON_TRUE) && !json_is(value, JSON_FALSE))
            return fail(reader, place, "true or false");
        *(bool *)member = value->type == JSON_TRUE;
        return true;
    default:
        if (!read_enum(reader, place, value, key->kind, &constant))
            return false;
        memcpy(member, &constant, sizeof(constant));
        return true;
    }
}

static bool read_container(struct plan_reader *reader, const struct plan_place *place, const struct plan_key *key,
    const struct json *value, void *member)
{
    struct any_vec vec = {0};
    void *pointer;

    switch (key->kind) {
    case PLAN_KIND_OBJECT:
        return plan_value_read(reader, place, value, key->of, member);
    case PLAN_KIND_POINTER:
        pointer = arena_alloc(reader->arena, plan_object_size(key->of));
        memcpy(member, &pointer, sizeof(pointer));
        return plan_value_read(reader, place, value, key->of, pointer);
    case PLAN_KIND_CONNECTION:
        if (!read_connection(reader, place, value, &vec))
            return false;
        break;
    default:
        if (!read_elements(reader, place, value, key->of, &vec))
            return false;
        break;
    }
    memcpy(member, &vec, sizeof(vec));
    return true;
}

static bool read_format(struct plan_reader *reader, const struct plan_place *place, const struct json *value)
{
    int64_t format;

    if (!read_integer(reader, place, value, INT64_MAX, &format))
        return false;
    if (format == PLAN_FORMAT)
        return true;
    plan_reader_fail(reader, NULL, "the plan has format %lld; this version of invplan reads format %d",
        (long long)format, PLAN_FORMAT);
    error_help(reader->error, "use the version of invplan that compiled it, or compile it again with this one");
    return false;
}

static bool read_member(struct plan_reader *reader, const struct plan_place *place, const struct plan_key *key,
    const struct json *value, void *base)
{
    void *member = (char *)base + key->offset;

    if ((key->flags & PLAN_FLAG_NULLABLE) && json_is(value, JSON_NULL))
        return true; /* structures come zeroed */
    switch (key->kind) {
    case PLAN_KIND_FORMAT:
        return read_format(reader, place, value);
    case PLAN_KIND_NAME:
    case PLAN_KIND_TEXT:
    case PLAN_KIND_PATH:
    case PLAN_KIND_DIGEST:
        return read_text(reader, place, key, value, member);
    case PLAN_KIND_JSON:
    case PLAN_KIND_JSON_OBJECT:
        if (json_is(value, JSON_NULL) || (key->kind == PLAN_KIND_JSON_OBJECT && !json_is(value, JSON_OBJECT)))
            return fail(reader, place, "an object");
        *(const struct json **)member = value;
        return true;
    case PLAN_KIND_INVERSE_ACTION:
        return read_inverse_action(reader, place, value, base);
    case PLAN_KIND_OBJECT:
    case PLAN_KIND_POINTER:
    case PLAN_KIND_OBJECTS:
    case PLAN_KIND_NAMES:
    case PLAN_KIND_CONNECTION:
        return read_container(reader, place, key, value, member);
    default:
        return read_scalar(reader, place, key, value, member);
    }
}

bool plan_value_read_until(struct plan_reader *reader, const struct plan_place *place, const struct json *value,
    enum plan_object object, const char *end, void *base)
{
    size_t count;
    const struct plan_key *keys = plan_object_keys(object, &count);
    const struct json *member;

    if (!json_is(value, JSON_OBJECT))
        return fail(reader, place, "an object");
    member = value->child;
    for (size_t i = 0; i < count; i++) {
        struct plan_place here = {place, keys[i].name, PLAN_PLACE_KEY};

        if (end && strcmp(keys[i].name, end) == 0)
            break;
        if (!member || !str_is(member->key, keys[i].name))
            return fail_order(reader, place, object, &keys[i], member);
        if (!read_member(reader, &here, &keys[i], member, base))
            return false;
        member = member->next;
    }
    return !member || fail_unknown_key(reader, place, object, member->key);
}

bool plan_value_read(struct plan_reader *reader, const struct plan_place *place, const struct json *value,
    enum plan_object object, void *base)
{
    return plan_value_read_until(reader, place, value, object, NULL, base);
}

/* --- values that stay JSON -------------------------------------------------------------------------------------- */

static bool check_list(struct plan_reader *reader, const struct plan_place *place, const struct plan_key *key,
    const struct json *value)
{
    size_t index = 0;

    if (!json_is(value, JSON_ARRAY) || (key->kind == PLAN_KIND_TEXTS && value->count == 0))
        return fail(reader, place, key->kind == PLAN_KIND_TEXTS ? "a list of texts, not empty" : "a list of objects");
    for (const struct json *element = value->child; element; element = element->next, index++) {
        struct plan_place here = {place, NULL, index};

        if (key->kind == PLAN_KIND_TEXTS) {
            if (!check_text(reader, &here, element))
                return false;
        } else if (key->kind == PLAN_KIND_OBJECTS) {
            if (!plan_value_check(reader, &here, element, key->of))
                return false;
        } else if (!json_is(element, JSON_OBJECT)) {
            return fail(reader, &here, "an object");
        }
    }
    return true;
}

static bool check_step_id(struct plan_reader *reader, const struct plan_place *place, const struct json *value)
{
    if (!check_name(reader, place, value))
        return false;
    if (reader->plan && !plan_find_step(reader->plan, value->text.data))
        return PLAN_READER_FAIL(reader, place, "step '%.200s' does not stand before", value->text.data);
    return true;
}

static bool check_form_value(struct plan_reader *reader, const struct plan_place *place, const struct plan_key *key,
    const struct json *value)
{
    int64_t number;

    switch (key->kind) {
    case PLAN_KIND_NAME:
        return check_name(reader, place, value);
    case PLAN_KIND_TEXT:
        return check_text(reader, place, value);
    case PLAN_KIND_DIGEST:
        return check_digest(reader, place, value);
    case PLAN_KIND_INTEGER:
        return read_integer(reader, place, value, INT64_MAX, &number);
    case PLAN_KIND_COUNT:
        return read_integer(reader, place, value, INT64_MAX, &number) && (number > 0 || fail(reader, place, "1 or more"));
    case PLAN_KIND_BOOL:
        return json_is(value, JSON_TRUE) || json_is(value, JSON_FALSE) || fail(reader, place, "true or false");
    case PLAN_KIND_TRUE:
        return json_is(value, JSON_TRUE) || fail(reader, place, "true");
    case PLAN_KIND_STEP_ID:
        return check_step_id(reader, place, value);
    case PLAN_KIND_JSON:
        return !json_is(value, JSON_NULL) || fail(reader, place, "a value");
    case PLAN_KIND_JSON_OBJECT:
        return json_is(value, JSON_OBJECT) || fail(reader, place, "an object");
    case PLAN_KIND_OBJECT:
        return plan_value_check(reader, place, value, key->of);
    default:
        return check_list(reader, place, key, value);
    }
}

bool plan_value_check(struct plan_reader *reader, const struct plan_place *place, const struct json *value,
    enum plan_object object)
{
    size_t count, found = 0;
    const struct plan_key *keys = plan_object_keys(object, &count);

    if (!json_is(value, JSON_OBJECT))
        return fail(reader, place, "an object");
    for (size_t i = 0; i < count; i++) {
        const struct json *member = json_get(value, keys[i].name);
        struct plan_place here = {place, keys[i].name, PLAN_PLACE_KEY};

        found += member != NULL;
        if ((keys[i].flags & PLAN_FLAG_OPTIONAL) && (!member || json_is(member, JSON_NULL)))
            continue;
        if (!member)
            return PLAN_READER_FAIL(reader, place, "key '%s' is missing", keys[i].name);
        if (!check_form_value(reader, &here, &keys[i], member))
            return false;
    }
    for (const struct json *member = value->child; found < value->count && member; member = member->next) {
        size_t i = 0;

        while (i < count && !str_is(member->key, keys[i].name))
            i++;
        if (i == count)
            return fail_unknown_key(reader, place, object, member->key);
    }
    return true;
}
