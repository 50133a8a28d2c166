/* Reading operators: shared by upcast_parse.c (what all have in common) and upcast_parse_op.c (each one). */
#ifndef SPEC_EVENT_UPCAST_PARSE_H
#define SPEC_EVENT_UPCAST_PARSE_H

#include "spec/event/upcast_op.h"

/* What to do instead of what crosses events or streams. */
#define UPCAST_ACROSS_HELP                                                                                             \
    "let the service write new events to the other stream and leave the stored ones as they are, or rewrite them into " \
    "a new table with a program of your own"

/* What is known where an operator stands: about the event, and in `each` about the element. */
struct upcast_scope {
    const struct json *schema; /* NULL: nothing is known */
    struct upcast_names touched;
    bool is_item;
    struct upcast_scope *event; /* of an element: the scope around it; NULL for the event's own */
};

struct upcast_parser {
    struct arena *arena;
    struct upcaster *upcaster;
    const struct json *root;
    struct upcast_problem *problem;
    size_t operator_count;
    size_t depth;
};

/* Pointers are JSON pointers (RFC 6901) to what is read, for problems. What is wrong is in parser->problem. */
const char *upcast_pointer_key(struct upcast_parser *parser, const char *base, struct str key);
const char *upcast_pointer_index(struct upcast_parser *parser, const char *base, size_t index);
/* what: the whole message, when json is NULL or of another type. */
bool upcast_want(
    struct upcast_parser *parser, const struct json *json, enum json_type type, const char *pointer, const char *what);
/* Refuses keys that are not among names. */
bool upcast_check_members(struct upcast_parser *parser, const struct json *object, const char *const *names,
    size_t count, const char *pointer);

bool upcast_parse_path(struct upcast_parser *parser, const struct upcast_scope *scope, struct str text,
    const char *pointer, struct upcast_path *out);
bool upcast_parse_path_text(struct upcast_parser *parser, const struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_path *out);
/* An array of at least minimum fields that do not overlap. */
bool upcast_parse_paths(struct upcast_parser *parser, const struct upcast_scope *scope, const struct json *json,
    const char *pointer, size_t minimum, const struct upcast_path **out, size_t *count);
bool upcast_check_apart(
    struct upcast_parser *parser, const struct upcast_path *a, const struct upcast_path *b, const char *pointer);
void upcast_names_add(struct arena *arena, struct upcast_names *names, struct str name);

/* A number must be one that an item can hold; other values pass. */
bool upcast_check_number(struct upcast_parser *parser, const struct json *json, const char *pointer);
bool upcast_parse_expression(struct upcast_parser *parser, const struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_expression *out);
bool upcast_parse_condition(struct upcast_parser *parser, const struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_expression *out);

bool upcast_parse_op(struct upcast_parser *parser, struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_op *op);
/* scope learns what the operators touch. */
bool upcast_parse_ops(struct upcast_parser *parser, struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_ops *out);

#endif
