/*
 * Definitions of objects as the server says them. One query for any number of objects: a CASE over the kind, with a
 * subquery for each kind that occurs in it. A named part ("columns", "constraints", …) is an object or has a name,
 * which is what drift.h takes apart. Indexes are objects of their own and no part of their table. What DDL does not
 * control is left out: sizes, statistics, a sequence's value.
 *
 * The texts here are only ever parsed with the search_path pg_catalog, pg_temp (pg_add_own_settings), where every bare
 * name means the catalogue's and every printed name of anything else is qualified.
 */
#include <string.h>

#include "executor/postgres/postgres.h"
#include "spec/base/map.h"
#include "spec/exit.h"

/* clang-format off: one attribute a line */

/* A definition is put together as text, by concat(), which leaves out what is NULL: its first member, which it always
 * has, then the others. What a statement of this size costs is not reading the catalogue but setting itself up, for each
 * function and subquery in it; and the functions that build JSON look up the type of each argument of each row anew. So
 * members that are one of a few words come as they are written (FLAG, CASE), and subqueries that return rows are ARRAY(),
 * which takes less to set up than an aggregate; the catalogue has indexes for most of their orders. */
#define OBJECT "concat('{"
#define END ", '}')"
#define FIRST(name, value) "\"" name "\":', to_json(" value ")"
#define MEMBER(name, value) ", ',\"" name "\":' || to_json(" value ")::text"
#define FLAG(name, condition) ", CASE WHEN " condition " THEN ',\"" name "\":true' ELSE ',\"" name "\":false' END"
#define WORD(name, word) "',\"" name "\":\"" word "\"'"
#define LIST(name, array) ", ',\"" name "\":[' || NULLIF(array_to_string(" array ", ','), '') || ']'"
#define MAP(name, array) ", ',\"" name "\":{' || NULLIF(array_to_string(" array ", ','), '') || '}'"
#define NAMED(name) "to_json(" name ")::text || ':' || "
#define ARRAY_OF(select) "NULLIF(ARRAY(" select "), '{}')"

#define IN_SCHEMA " = to_regnamespace(quote_ident(o.schema))"
#define RELATION(kinds)                                                                                                \
    "SELECT c.oid FROM pg_class c WHERE c.relname = o.name AND c.relkind IN (" kinds ") AND c.relnamespace" IN_SCHEMA
#define OWNER(oid) MEMBER("owner", "pg_get_userbyid(" oid ")")
#define COMMENT(class, oid, part)                                                                                      \
    MEMBER("comment", "(SELECT x.description FROM pg_description x WHERE x.objoid = " oid                              \
        " AND x.classoid = '" class "'::regclass AND x.objsubid = " part ")")
/* Of what most tables have none of: a function's query is not set up before it is called. */
#define RARE_COMMENT(class, oid) MEMBER("comment", "obj_description(" oid ", '" class "')")
/* A set of words: array_to_tsvector() keeps them in the order of "C". */
#define SORTED(array) "tsvector_to_array(array_to_tsvector(" array "))"
#define ACL(acl) MEMBER("acl", SORTED(acl "::text[]"))
#define TABLESPACE(oid)                                                                                                \
    MEMBER("tablespace", "CASE WHEN " oid " <> 0"                                                                      \
        " THEN (pg_identify_object('pg_tablespace'::regclass, " oid ", 0)).identity END")
#define TYPE_OF_COLUMN(column) "(SELECT t." column " FROM pg_type t WHERE t.oid = a.atttypid)"
/* Of pg_attribute a. What else is to be looked up is a subquery each, which the planner cannot make a join of, and is
 * only run where there can be anything: what has a fixed length (attlen) has no collation and no storage of its own. The
 * options are those that ALTER TABLE documents: a server may keep notes of its own beside them, that nobody set. */
#define COLUMN                                                                                                         \
    OBJECT FIRST("type", "format_type(a.atttypid, a.atttypmod)")                                                       \
    MEMBER("collation", "CASE WHEN a.attcollation <> 0 AND a.attcollation <> " TYPE_OF_COLUMN("typcollation")          \
        " THEN (pg_identify_object('pg_collation'::regclass, a.attcollation, 0)).identity END")                        \
    FLAG("not_null", "a.attnotnull")                                                                                   \
    ", CASE WHEN a.atthasdef THEN CASE a.attgenerated WHEN '' THEN ',\"default\":' ELSE ',\"generated\":' END"         \
    " || to_json(pg_get_expr((SELECT d.adbin FROM pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum),"  \
    " a.attrelid))::text END"                                                                                          \
    ", CASE a.attidentity WHEN 'a' THEN " WORD("identity", "always") " WHEN 'd' THEN "                                 \
    WORD("identity", "by default") " END"                                                                              \
    MEMBER("options", "CASE WHEN strpos(array_to_string(a.attoptions, ','), 'n_distinct') > 0 THEN"                    \
        " array_remove(string_to_array(regexp_replace(array_to_string(a.attoptions, ','),"                             \
        " '(^|,)(?!n_distinct)[^,]*', ',', 'g'), ','), '') END")                                                       \
    ", CASE WHEN a.attlen < 0 AND a.attstorage <> " TYPE_OF_COLUMN("typstorage") " THEN CASE a.attstorage"             \
    " WHEN 'p' THEN " WORD("storage", "plain") " WHEN 'e' THEN " WORD("storage", "external") " WHEN 'm' THEN " WORD("storage", "main")                            \
    " ELSE " WORD("storage", "extended") " END END"                                                                    \
    ", CASE WHEN a.attstattarget >= 0 THEN ',\"statistics\":' || a.attstattarget END"                                  \
    ACL("a.attacl")                                                                                                    \
    COMMENT("pg_class", "a.attrelid", "a.attnum")

#define TRIGGER                                                                                                        \
    OBJECT FIRST("definition", "pg_get_triggerdef(t.oid)")                                                             \
    ", CASE t.tgenabled WHEN 'O' THEN " WORD("enabled", "origin") " WHEN 'D' THEN " WORD("enabled", "disabled")        \
    " WHEN 'R' THEN " WORD("enabled", "replica") " ELSE " WORD("enabled", "always") " END"                             \
    RARE_COMMENT("pg_trigger", "t.oid") END

#define POLICY                                                                                                         \
    OBJECT FIRST("command", "CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update'"       \
        " WHEN 'd' THEN 'delete' ELSE 'all' END")                                                                      \
    FLAG("permissive", "p.polpermissive")                                                                              \
    MEMBER("roles", SORTED("array_replace(p.polroles::regrole[]::text[], '-', 'public')"))                             \
    MEMBER("using", "pg_get_expr(p.polqual, p.polrelid)")                                                              \
    MEMBER("check", "pg_get_expr(p.polwithcheck, p.polrelid)")                                                         \
    RARE_COMMENT("pg_policy", "p.oid") END

#define CONSTRAINT                                                                                                     \
    OBJECT FIRST("definition", "pg_get_constraintdef(k.oid)")                                                          \
    FLAG("valid", "k.convalidated")                                                                                    \
    COMMENT("pg_constraint", "k.oid", "0") END

#define COLUMNS_OF(relation)                                                                                           \
    "ARRAY(SELECT " COLUMN MEMBER("name", "a.attname") END " FROM pg_attribute a"                                      \
    " WHERE a.attrelid = " relation " AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)"
/* And of those that enforce constraints, whatever is not as it was made. */
#define TRIGGERS_OF(relation)                                                                                          \
    "ARRAY(SELECT " NAMED("t.tgname") TRIGGER                                                                          \
    " FROM pg_trigger t WHERE t.tgrelid = " relation " AND (NOT t.tgisinternal OR t.tgenabled <> 'O') ORDER BY t.tgname)"
#define RULES_OF(relation)                                                                                             \
    "ARRAY(SELECT " NAMED("r.rulename") OBJECT FIRST("definition", "pg_get_ruledef(r.oid)")                            \
    ", CASE r.ev_enabled WHEN 'D' THEN " WORD("enabled", "disabled") " WHEN 'R' THEN " WORD("enabled", "replica")      \
    " WHEN 'A' THEN " WORD("enabled", "always") " END" END                                                             \
    " FROM pg_rewrite r WHERE r.ev_class = " relation " AND r.rulename <> '_RETURN' ORDER BY r.rulename)"
#define CONSTRAINTS_OF(condition)                                                                                      \
    "ARRAY(SELECT " NAMED("k.conname") CONSTRAINT " FROM pg_constraint k WHERE " condition ")"
#define POLICIES_OF(relation)                                                                                          \
    "ARRAY(SELECT " NAMED("p.polname") POLICY                                                                          \
    " FROM pg_policy p WHERE p.polrelid = " relation " ORDER BY p.polname)"

/* A string literal is good for 4,095 characters everywhere, so long texts come in pieces. */
#define TABLE_SQL_1                                                                                                    \
    "(SELECT " OBJECT                                                                                                  \
    FIRST("kind", "CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' ELSE 'foreign table' END")   \
    ", CASE c.relpersistence WHEN 'p' THEN " WORD("persistence", "permanent") " WHEN 'u' THEN "                        \
    WORD("persistence", "unlogged") " ELSE " WORD("persistence", "temporary") " END"                                   \
    LIST("columns", COLUMNS_OF("c.oid"))
#define TABLE_SQL_2                                                                                                    \
    MEMBER("options", "c.reloptions")                                                                                  \
    /* Not every server's pg_inherits says that a partition is detached by halves. */                                  \
    MEMBER("inherits", ARRAY_OF("SELECT h.inhparent::regclass::text ||"                                                \
        " CASE WHEN to_jsonb(h) @> '{\"inhdetachpending\":true}' THEN ', detach pending' ELSE '' END FROM pg_inherits h" \
        " WHERE h.inhrelid = c.oid ORDER BY h.inhseqno"))                                                              \
    MEMBER("partition_key", "CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END")                             \
    MEMBER("partition_bound", "CASE WHEN c.relispartition THEN pg_get_expr(c.relpartbound, c.oid) END")                \
    FLAG("row_security", "c.relrowsecurity")                                                                           \
    FLAG("force_row_security", "c.relforcerowsecurity")                                                                \
    ", CASE c.relreplident WHEN 'n' THEN " WORD("replica_identity", "nothing") " WHEN 'f' THEN "                       \
    WORD("replica_identity", "full") " WHEN 'i' THEN " WORD("replica_identity", "index") " END"                        \
    TABLESPACE("c.reltablespace")                                                                                      \
    OWNER("c.relowner")                                                                                                \
    ACL("c.relacl")                                                                                                    \
    COMMENT("pg_class", "c.oid", "0")
#define TABLE_SQL_3                                                                                                    \
    MAP("constraints", CONSTRAINTS_OF("k.conrelid = c.oid AND k.contypid = 0 AND k.contype NOT IN ('t', 'n')"))        \
    MAP("triggers", "CASE WHEN c.relhastriggers THEN " TRIGGERS_OF("c.oid") " END")                                    \
    MAP("rules", "CASE WHEN c.relhasrules THEN " RULES_OF("c.oid") " END")                                             \
    MAP("policies", POLICIES_OF("c.oid"))                                                                              \
    END " FROM pg_class c WHERE c.relname = o.name AND c.relkind IN ('r', 'p', 'f') AND c.relnamespace" IN_SCHEMA ")"

#define VIEW_SQL(kind)                                                                                                 \
    "(SELECT " OBJECT                                                                                                  \
    FIRST("definition", "pg_get_viewdef(c.oid)")                                                                       \
    LIST("columns", COLUMNS_OF("c.oid"))                                                                               \
    MEMBER("options", "c.reloptions")                                                                                  \
    MEMBER("populated", "CASE WHEN c.relkind = 'm' THEN c.relispopulated END")                                         \
    MAP("triggers", "CASE WHEN c.relhastriggers THEN " TRIGGERS_OF("c.oid") " END")                                    \
    MAP("rules", RULES_OF("c.oid"))                                                                                    \
    TABLESPACE("c.reltablespace")                                                                                      \
    OWNER("c.relowner")                                                                                                \
    ACL("c.relacl")                                                                                                    \
    COMMENT("pg_class", "c.oid", "0")                                                                                  \
    END " FROM pg_class c WHERE c.relname = o.name AND c.relkind = '" kind "' AND c.relnamespace" IN_SCHEMA ")"

#define INDEX_SQL                                                                                                      \
    "(SELECT " OBJECT                                                                                                  \
    FIRST("definition", "pg_get_indexdef(c.oid)")                                                                      \
    MEMBER("table", "i.indrelid::regclass::text")                                                                      \
    FLAG("valid", "i.indisvalid")                                                                                      \
    FLAG("ready", "i.indisready")                                                                                      \
    ", CASE WHEN i.indisreplident THEN ',\"replica_identity\":true' END"                                               \
    TABLESPACE("c.reltablespace")                                                                                      \
    OWNER("c.relowner")                                                                                                \
    COMMENT("pg_class", "c.oid", "0")                                                                                  \
    END " FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid"                                                     \
    " WHERE c.relname = o.name AND c.relnamespace" IN_SCHEMA ")"

/* The names of a table's indexes: no step's effect has them; verify asks for them. */
#define INDEXES_SQL                                                                                                    \
    "(SELECT " OBJECT                                                                                                  \
    FIRST("names", "ARRAY(SELECT i.indexrelid::regclass::text FROM pg_index i WHERE i.indrelid = c.oid ORDER BY 1)")   \
    END " FROM pg_class c WHERE c.relname = o.name AND c.relkind IN ('r', 'p') AND c.relnamespace" IN_SCHEMA ")"

#define TYPE_SQL_1                                                                                                     \
    "(SELECT " OBJECT                                                                                                  \
    FIRST("kind", "CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'c' THEN 'composite' WHEN 'd' THEN 'domain'"               \
        " WHEN 'r' THEN 'range' WHEN 'm' THEN 'multirange' ELSE 'base' END")                                           \
    MEMBER("labels", ARRAY_OF("SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid"                      \
        " ORDER BY e.enumsortorder"))                                                                                  \
    LIST("attributes", "CASE WHEN t.typtype = 'c' THEN " COLUMNS_OF("t.typrelid") " END")
#define TYPE_SQL_2                                                                                                     \
    MEMBER("subtype", "(SELECT format_type(r.rngsubtype, NULL) FROM pg_range r WHERE r.rngtypid = t.oid)")             \
    MEMBER("type", "CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END")                       \
    MEMBER("collation", "(SELECT l.collname FROM pg_collation l JOIN pg_type b ON b.oid = t.typbasetype"               \
        " WHERE t.typtype = 'd' AND l.oid = t.typcollation AND t.typcollation <> b.typcollation)")                     \
    MEMBER("not_null", "CASE WHEN t.typtype = 'd' THEN t.typnotnull END")                                              \
    MEMBER("default", "CASE WHEN t.typtype = 'd' THEN COALESCE(pg_get_expr(t.typdefaultbin, 0), t.typdefault) END")    \
    MAP("constraints", CONSTRAINTS_OF("t.typtype = 'd' AND k.contypid = t.oid AND k.contype = 'c'"))                   \
    OWNER("t.typowner")                                                                                                \
    ACL("t.typacl")                                                                                                    \
    COMMENT("pg_type", "t.oid", "0")                                                                                   \
    END " FROM pg_type t WHERE t.typname = o.name AND t.typnamespace" IN_SCHEMA ")"

/* By the types of its arguments; a name without overloads is found however they are written, if they are as many. */
#define FUNCTION_SQL                                                                                                   \
    "(SELECT f.definition FROM (SELECT " OBJECT                                                                        \
    FIRST("kind", "CASE p.prokind WHEN 'f' THEN 'function' WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate'"        \
        " ELSE 'window function' END")                                                                                 \
    MEMBER("definition", "CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END")                              \
    OWNER("p.proowner")                                                                                                \
    ACL("p.proacl")                                                                                                    \
    COMMENT("pg_proc", "p.oid", "0")                                                                                   \
    END " AS definition,"                                                                                              \
    " oidvectortypes(p.proargtypes) = o.args OR pg_get_function_identity_arguments(p.oid) = o.args AS same,"           \
    " p.pronargs = cardinality(string_to_array(o.args, ',')) AND count(*) OVER () = 1 AS alone"                        \
    " FROM pg_proc p WHERE p.proname = o.name AND p.pronamespace" IN_SCHEMA                                            \
    ") f WHERE f.same OR f.alone ORDER BY f.same DESC NULLS LAST LIMIT 1)"

#define SEQUENCE_SQL                                                                                                   \
    "(SELECT " OBJECT                                                                                                  \
    FIRST("type", "format_type(s.seqtypid, NULL)")                                                                     \
    MEMBER("start", "s.seqstart")                                                                                      \
    MEMBER("increment", "s.seqincrement")                                                                              \
    MEMBER("min", "s.seqmin")                                                                                          \
    MEMBER("max", "s.seqmax")                                                                                          \
    MEMBER("cache", "s.seqcache")                                                                                      \
    FLAG("cycle", "s.seqcycle")                                                                                        \
    MEMBER("owned_by", "(SELECT x.refobjid::regclass::text || '.' || quote_ident(a.attname) FROM pg_depend x"          \
        " JOIN pg_attribute a ON a.attrelid = x.refobjid AND a.attnum = x.refobjsubid"                                 \
        " WHERE x.classid = 'pg_class'::regclass AND x.objid = c.oid AND x.refclassid = 'pg_class'::regclass"          \
        " AND x.deptype IN ('a', 'i'))")                                                                               \
    OWNER("c.relowner")                                                                                                \
    ACL("c.relacl")                                                                                                    \
    COMMENT("pg_class", "c.oid", "0")                                                                                  \
    END " FROM pg_class c JOIN pg_sequence s ON s.seqrelid = c.oid"                                                    \
    " WHERE c.relname = o.name AND c.relnamespace" IN_SCHEMA ")"

#define CONSTRAINT_SQL                                                                                                 \
    "(SELECT " CONSTRAINT " FROM pg_constraint k WHERE k.conname = o.part"                                             \
    " AND k.conrelid = (" RELATION("'r', 'p', 'f'") "))"
#define COLUMN_SQL                                                                                                     \
    "(SELECT " COLUMN END " FROM pg_attribute a WHERE a.attname = o.part AND a.attnum > 0"                             \
    " AND a.attrelid = (" RELATION("'r', 'p', 'f', 'v', 'm', 'c'") "))"
#define TRIGGER_SQL                                                                                                    \
    "(SELECT " TRIGGER " FROM pg_trigger t WHERE t.tgname = o.part AND NOT t.tgisinternal"                             \
    " AND t.tgrelid = (" RELATION("'r', 'p', 'f', 'v'") "))"
#define POLICY_SQL                                                                                                     \
    "(SELECT " POLICY " FROM pg_policy p WHERE p.polname = o.part"                                                     \
    " AND p.polrelid = (" RELATION("'r', 'p'") "))"
#define SCHEMA_SQL                                                                                                     \
    "(SELECT " OBJECT FIRST("owner", "pg_get_userbyid(s.nspowner)") ACL("s.nspacl") COMMENT("pg_namespace", "s.oid", "0")\
    END " FROM pg_namespace s WHERE s.nspname = o.name)"
#define EXTENSION_SQL                                                                                                  \
    "(SELECT " OBJECT FIRST("version", "e.extversion")                                                                 \
    MEMBER("schema", "(SELECT n.nspname FROM pg_namespace n WHERE n.oid = e.extnamespace)")                            \
    END " FROM pg_extension e WHERE e.extname = o.name)"

/* clang-format on */

struct kind {
    const char *name;
    size_t parts;        /* how many identifiers its name has */
    const char *same_as; /* another spelling of that kind; NULL */
    const char *sql[3];  /* pieces */
};

static const struct kind object_kinds[] = {
    {"table", 2, NULL, {TABLE_SQL_1, TABLE_SQL_2, TABLE_SQL_3}},
    {"index", 2, NULL, {INDEX_SQL}},
    {"indexes", 2, NULL, {INDEXES_SQL}},
    {"constraint", 3, NULL, {CONSTRAINT_SQL}},
    {"column", 3, NULL, {COLUMN_SQL}},
    {"trigger", 3, NULL, {TRIGGER_SQL}},
    {"policy", 3, NULL, {POLICY_SQL}},
    {"schema", 1, NULL, {SCHEMA_SQL}},
    {"extension", 1, NULL, {EXTENSION_SQL}},
    {"type", 2, NULL, {TYPE_SQL_1, TYPE_SQL_2}},
    {"domain", 2, "type", {NULL}},
    {"sequence", 2, NULL, {SEQUENCE_SQL}},
    {"view", 2, NULL, {VIEW_SQL("v")}},
    {"materialized_view", 2, NULL, {VIEW_SQL("m")}},
    {"function", 2, NULL, {FUNCTION_SQL}},
    {"procedure", 2, "function", {NULL}},
};

static const char *const params[] = {"object", "kind", "schema", "name", "part", "args"};

enum {
    KIND_COUNT = sizeof(object_kinds) / sizeof(object_kinds[0]),
    PARAM_COUNT = sizeof(params) / sizeof(params[0]),
};

static size_t find_kind(struct str name)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (str_is(name, object_kinds[i].name))
            return object_kinds[i].same_as ? find_kind(str_from(object_kinds[i].same_as)) : i;
    return KIND_COUNT;
}

/* Objects of a kind that is not observed are left out. */
static void add_object(struct arena *arena, const char *text, struct map *seen, struct observation *out)
{
    struct object_name name;
    size_t kind;
    const char *schema, *object, *part = NULL;

    if (map_put(seen, str_from(text), arena) || !object_name_parse(arena, text, &name))
        return;
    kind = find_kind(name.kind);
    if (kind == KIND_COUNT || object_kinds[kind].parts != name.count)
        return;
    schema = name.count > 1 ? name.parts[0] : NULL;
    object = name.count > 1 ? name.parts[1] : name.parts[0];
    if (name.count == 3)
        part = name.parts[2];
    VEC_PUSH(arena, &out->objects, text);
    VEC_PUSH(arena, &out->kind_names, object_kinds[kind].name);
    VEC_PUSH(arena, &out->schemas, schema);
    VEC_PUSH(arena, &out->names, object);
    VEC_PUSH(arena, &out->parts, part);
    VEC_PUSH(arena, &out->args, name.args);
    out->kinds |= 1u << kind;
}

static void add_definition(struct strbuf *sql, const struct kind *kind)
{
    for (size_t i = 0; i < sizeof(kind->sql) / sizeof(kind->sql[0]) && kind->sql[i]; i++)
        strbuf_append_text(sql, kind->sql[i]);
}

void pg_observation_make(struct arena *arena, const char *const *objects, size_t count, struct observation *out)
{
    struct map seen;

    *out = (struct observation){0};
    map_init(&seen, arena);
    for (size_t i = 0; i < count; i++)
        add_object(arena, objects[i], &seen, out);
    if (out->objects.count == 1)
        out->kinds |= OBSERVES_ONE;
}

static const char *taken(struct strbuf *sql, struct arena *arena)
{
    struct str copy = strbuf_copy(sql, arena);

    strbuf_free(sql);
    return copy.data;
}

static const char *one_object_sql(struct arena *arena, unsigned kinds, int first_param)
{
    struct strbuf sql = STRBUF_INIT;

    strbuf_append_text(&sql, "(SELECT '{' || " NAMED("o.object") "COALESCE(");
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (kinds & 1u << i)
            add_definition(&sql, &object_kinds[i]);
    strbuf_append_text(&sql, ", 'null') || '}' FROM (SELECT ");
    for (size_t i = 0; i < PARAM_COUNT; i++)
        strbuf_printf(&sql, "%s$%zu::text AS %s", i ? ", " : "", (size_t)first_param + i, params[i]);
    strbuf_append_text(&sql, ") o)");
    return taken(&sql, arena);
}

const char *pg_observation_sql(struct arena *arena, unsigned kinds, int first_param)
{
    struct strbuf sql = STRBUF_INIT;

    if (!kinds)
        return "NULL::text";
    if (kinds & OBSERVES_ONE)
        return one_object_sql(arena, kinds, first_param);
    strbuf_append_text(&sql, "('{' || array_to_string(ARRAY(SELECT " NAMED("o.object") "COALESCE(CASE o.kind");
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (kinds & 1u << i) {
            strbuf_printf(&sql, " WHEN '%s' THEN ", object_kinds[i].name);
            add_definition(&sql, &object_kinds[i]);
        }
    strbuf_append_text(&sql, " END, 'null') FROM ROWS FROM (");
    for (size_t i = 0; i < PARAM_COUNT; i++)
        strbuf_printf(&sql, "%sunnest($%zu::text[])", i ? ", " : "", (size_t)first_param + i);
    strbuf_append_text(&sql, ") o(object, kind, schema, name, part, args)), ',') || '}')");
    return taken(&sql, arena);
}

void pg_add_observation_params(struct pg_batch *batch, const struct observation *observation)
{
    const char *const *const values[] = {observation->objects.items, observation->kind_names.items,
        observation->schemas.items, observation->names.items, observation->parts.items, observation->args.items};

    for (size_t i = 0; observation->kinds && i < PARAM_COUNT; i++) {
        if (observation->kinds & OBSERVES_ONE)
            pg_param(batch, values[i][0]);
        else
            pg_param_list(batch, values[i], observation->objects.count);
    }
}

bool postgres_observe(struct driver *driver, struct arena *arena, const char *const *objects, size_t count,
    struct json **out, struct error *error)
{
    struct postgres_driver *postgres = postgres_driver_of(driver);
    struct arena scratch = ARENA_INIT;
    struct observation observation;
    struct pg_batch batch = pg_batch_make(&scratch);
    struct pg_rows *rows;
    size_t at;
    struct json_error json_error;
    bool ok;

    *out = json_new(arena, JSON_OBJECT);
    pg_observation_make(&scratch, objects, count, &observation);
    if (!observation.kinds) {
        arena_free(&scratch);
        return true;
    }
    pg_add_begin(postgres, &batch);
    pg_add_own_settings(postgres, &batch, false);
    at = batch.statements.count;
    pg_add(&batch, arena_printf(&scratch, "SELECT %s", pg_observation_sql(&scratch, observation.kinds, 1)));
    pg_add_observation_params(&batch, &observation);
    pg_add_commit(&batch);
    ok = pg_run(postgres->main, &scratch, &batch, &rows, NULL, error);
    if (ok) {
        *out = json_read(arena, pg_cell(&rows[at], 0, 0), JSON_STRICT, &json_error);
        if (!json_is(*out, JSON_OBJECT))
            ok = error_set(
                error, EXIT_STATUS_INTERNAL, "the server's definitions cannot be read: %s", json_error.message);
    }
    arena_free(&scratch);
    return ok;
}
