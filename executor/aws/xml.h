/*
 * The answers of AWS's query protocol (STS, SNS, RDS): small XML documents, read into a tree. No document type
 * declaration is accepted, so there are no entities to expand; depth and size are bounded.
 */
#ifndef EXECUTOR_AWS_XML_H
#define EXECUTOR_AWS_XML_H

#include "spec/base/str.h"

struct arena;

enum { XML_DEPTH_MAX = 50, XML_SIZE_MAX_BYTES = 16 * 1024 * 1024 };

struct xml_node {
    const char *name; /* without its namespace prefix */
    struct str text;  /* of the element itself, white space trimmed */
    struct xml_node *child;
    struct xml_node *last;
    struct xml_node *next;
};

/* The root element, or NULL when the text is not well-formed XML within the limits. */
struct xml_node *xml_read(struct arena *arena, struct str text);
/* The first descendant along a path of names ("GetCallerIdentityResult/Account") below node, or NULL. */
const struct xml_node *xml_find(const struct xml_node *node, const char *path);
struct str xml_text(const struct xml_node *node, const char *path); /* "" when absent */

#endif
