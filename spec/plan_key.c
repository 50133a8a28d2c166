#include "spec/plan_key.h"

/* Numbers the rows: PLAN_FIRST_x is the first row of object x. PLAN_BEFORE_x sets the counter back, so that an object
 * takes no number of its own. */
enum {
#define PLAN_OBJECT(object, structure, doc) PLAN_FIRST_##object, PLAN_BEFORE_##object = PLAN_FIRST_##object - 1,
#define PLAN_KEY(object, structure, member, key, kind, flags, of, doc) PLAN_ROW_##object##_##member,
#define PLAN_FORM(object, key, kind, flags, of, doc) PLAN_ROW_##object##_##key,
#include "spec/plan_key.def"
    PLAN_ROW_COUNT,
};

static const struct plan_key keys[] = {
#define PLAN_KEY(object, structure, member, key, kind, flags, of, doc)                                                 \
    {key, PLAN_KIND_##kind, PLAN_FLAG_##flags, PLAN_OBJECT_##of, true, offsetof(struct structure, member), doc},
#define PLAN_FORM(object, key, kind, flags, of, doc)                                                                   \
    {#key, PLAN_KIND_##kind, PLAN_FLAG_##flags, PLAN_OBJECT_##of, false, 0, doc},
#include "spec/plan_key.def"
};

static const struct {
    const char *name;
    const char *doc;
    size_t size;
    size_t first;
} objects[PLAN_OBJECT_COUNT + 1] = {
#define PLAN_OBJECT(object, structure, doc) {#object, doc, sizeof(struct structure), PLAN_FIRST_##object},
#include "spec/plan_key.def"
    {NULL, NULL, 0, PLAN_ROW_COUNT},
};

const struct plan_key *plan_object_keys(enum plan_object object, size_t *count)
{
    *count = objects[object + 1].first - objects[object].first;
    return &keys[objects[object].first];
}

size_t plan_object_size(enum plan_object object)
{
    return objects[object].size;
}

const char *plan_object_name(enum plan_object object)
{
    return objects[object].name;
}

const char *plan_object_doc(enum plan_object object)
{
    return objects[object].doc;
}

static const struct {
    enum plan_object forward, inverse, probe;
} forms[INSTRUCTION_COUNT] = {
    [INSTRUCTION_PG_EXEC] = {PLAN_OBJECT_FORWARD_PG_EXEC, PLAN_OBJECT_NOTHING, PLAN_OBJECT_PROBE_SQL},
    [INSTRUCTION_PG_EXEC_ALONE] = {PLAN_OBJECT_FORWARD_PG_EXEC_ALONE, PLAN_OBJECT_NOTHING, PLAN_OBJECT_PROBE_SQL},
    [INSTRUCTION_PG_INDEX_PARTITIONS] = {PLAN_OBJECT_FORWARD_PG_INDEX_PARTITIONS, PLAN_OBJECT_INVERSE_PG_INDEX_PARTITIONS,
        PLAN_OBJECT_PROBE_SQL},
    [INSTRUCTION_PG_BACKFILL] = {PLAN_OBJECT_FORWARD_PG_BACKFILL, PLAN_OBJECT_INVERSE_PG_BACKFILL,
        PLAN_OBJECT_PROBE_SQL},
    [INSTRUCTION_PG_ASSERT] = {PLAN_OBJECT_FORWARD_PG_ASSERT, PLAN_OBJECT_NOTHING, PLAN_OBJECT_PROBE_SQL},
    [INSTRUCTION_DDB_CALL] = {PLAN_OBJECT_FORWARD_DDB_CALL, PLAN_OBJECT_NOTHING, PLAN_OBJECT_PROBE_DDB},
    [INSTRUCTION_DDB_PUT_ITEMS] = {PLAN_OBJECT_FORWARD_DDB_PUT_ITEMS, PLAN_OBJECT_INVERSE_DDB_PUT_ITEMS,
        PLAN_OBJECT_NOTHING},
    [INSTRUCTION_DDB_TRANSFORM_ITEMS] = {PLAN_OBJECT_FORWARD_DDB_TRANSFORM_ITEMS, PLAN_OBJECT_INVERSE_DDB_TRANSFORM_ITEMS,
        PLAN_OBJECT_NOTHING},
    [INSTRUCTION_DDB_ASSERT] = {PLAN_OBJECT_FORWARD_DDB_ASSERT, PLAN_OBJECT_NOTHING, PLAN_OBJECT_NOTHING},
    [INSTRUCTION_EVENT_REGISTER] = {PLAN_OBJECT_FORWARD_EVENT_REGISTER, PLAN_OBJECT_INVERSE_EVENT_REGISTER,
        PLAN_OBJECT_NOTHING},
    [INSTRUCTION_EVENT_UPGRADE] = {PLAN_OBJECT_FORWARD_EVENT_UPGRADE, PLAN_OBJECT_INVERSE_EVENT_UPGRADE,
        PLAN_OBJECT_NOTHING},
    [INSTRUCTION_GATE] = {PLAN_OBJECT_FORWARD_GATE, PLAN_OBJECT_NOTHING, PLAN_OBJECT_NOTHING},
    [INSTRUCTION_BARRIER] = {PLAN_OBJECT_FORWARD_BARRIER, PLAN_OBJECT_NOTHING, PLAN_OBJECT_NOTHING},
};

enum plan_object plan_forward_form(enum instruction instruction)
{
    return forms[instruction].forward;
}

enum plan_object plan_inverse_form(enum instruction instruction)
{
    return forms[instruction].inverse;
}

enum plan_object plan_probe_form(enum instruction instruction)
{
    return forms[instruction].probe;
}

enum plan_object plan_guard_form(enum engine engine)
{
    return engine == ENGINE_POSTGRES   ? PLAN_OBJECT_GUARD_SQL
           : engine == ENGINE_DYNAMODB ? PLAN_OBJECT_GUARD_EMPTY
                                       : PLAN_OBJECT_NOTHING;
}
