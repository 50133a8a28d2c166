/*
 * YAML read strictly: a tree of nodes with spans. Duplicate keys, anchors, aliases, merge keys, tags, several
 * documents, NUL, bad UTF-8, too deep nesting (YAML_DEPTH_MAX) and too many nodes are diagnostics; reading goes on
 * after an error wherever that is sensible, so that all errors of a file are reported at once.
 *
 * Scalars follow YAML 1.2's core schema: what a plain scalar means is decided by who asks for it (node_to_bool(), …),
 * and its text is kept: 1.50 stays "1.50", `no` is a string.
 */
#ifndef COMPILER_YAML_H
#define COMPILER_YAML_H

#include <stdbool.h>

#include "spec/base/diag.h"
#include "spec/base/json.h"

enum { YAML_DEPTH_MAX = 64, YAML_NODES_MAX = 20 * 1000 * 1000, YAML_SIZE_MAX_BYTES = 256 * 1024 * 1024 };

enum node_kind { NODE_SCALAR, NODE_SEQUENCE, NODE_MAPPING };

enum node_style { NODE_STYLE_PLAIN, NODE_STYLE_QUOTED, NODE_STYLE_BLOCK };

struct node_member;

/* A scalar's text whose variables were replaced: which bytes of it stand for which bytes of the original's. */
struct node_splice {
    size_t start, end;                   /* in the new text: what the variable gave */
    size_t original_start, original_end; /* in the original's text: ${var:…} */
};

struct node_origin {
    const struct node *original;
    const struct node_splice *splices; /* in order */
    size_t count;
};

struct node {
    enum node_kind kind;
    struct span span;            /* in its file */
    struct str text;             /* NODE_SCALAR: decoded, LF line ends, NUL behind it */
    enum node_style style;       /* NODE_SCALAR */
    struct node **items;         /* NODE_SEQUENCE */
    struct node_member *members; /* NODE_MAPPING, in source order */
    size_t count;
    /* A scalar that was made by putting a variable's value in: where the variable's value stands; else NULL. */
    const struct node *substituted_from;
    const struct node_origin *origin; /* a scalar with variables replaced inside its text; else NULL */
    bool damaged;      /* something here was diagnosed already (an alias, a mapping cut short): judge it no further */
    bool has_variable; /* ${var:…} stands somewhere in it */
};

struct node_member {
    struct node *key; /* always a scalar */
    struct node *value;
};

/* NULL only when nothing could be read at all (diagnosed). source outlives the tree; its text is UTF-8 or diagnosed. */
struct node *yaml_read(struct arena *arena, const struct source *source, struct diag_list *diags);

/* The character at the beginning of valid UTF-8: its code point, *len its bytes. Whether it can stand in a file as it is. */
bool yaml_is_allowed(const char *text, unsigned *code_point, size_t *len);

struct node *node_get(const struct node *mapping, const char *key);     /* NULL when absent or not a mapping */
struct node *node_get_key(const struct node *mapping, const char *key); /* the key's own node */
struct str node_text(const struct node *node);                          /* "" when NULL or not a scalar */
const char *node_string(struct arena *arena, const struct node *node);  /* NULL when NULL or not a scalar */
bool node_is_null(const struct node *node);              /* a plain scalar: empty, ~, null, Null or NULL */
bool node_to_bool(const struct node *node, bool *out);   /* plain true or false */
bool node_to_i64(const struct node *node, int64_t *out); /* plain decimal integer */

/*
 * The place in the source of bytes start..end of a scalar's decoded text: follows the indentation that a block scalar
 * strips, folding, and the escapes of quoted ones. This is how an error inside SQL or CEL gets its caret.
 */
struct span node_text_span(const struct node *node, size_t start, size_t end);

/* The node as JSON: plain scalars by the core schema (null, booleans, numbers with their text; a number that JSON
 * cannot write, such as .inf or 0x1F, is a string), all else strings. For schemas, samples and DynamoDB requests. */
struct json *node_to_json(struct arena *arena, const struct node *node);

#endif
