/* What the parts of the checker (check.c, check_scalar.c, check_step.c) share. */
#ifndef COMPILER_CHECK_PARTS_H
#define COMPILER_CHECK_PARTS_H

#include "compiler/check.h"
#include "spec/diagnostic.h"

/* Words for messages, in the arena: "'batch'", "an entry of 'columns'", "the file"; "a list, or a name"; "'yes'". */
const char *check_describe_place(const struct checker *checker, const struct check_place *place);
const char *check_describe_types(const struct checker *checker, const struct key_type *type);
const char *check_describe_found(const struct checker *checker, const struct node *node);
/* A value that came from a variable is reported where it is used; this adds where the value stands. */
void check_note_variable(const struct checker *checker, struct diag *diag, const struct node *node);
/* Where something that is missing in a mapping is reported. */
struct span check_object_span(const struct node *node, const struct check_place *place);
/* The node is of none of type's kinds. Returns false. */
bool check_report_kind(const struct checker *checker, const struct node *node, const struct key_type *type,
    const struct check_place *place);

/* All references of a scalar. is_reference: ${env:…} and ${secret:…} may stand here. */
bool check_references(
    const struct checker *checker, const struct node *node, bool is_reference, const struct check_place *place);
/* A key of the user's own choosing. */
bool check_map_key(const struct checker *checker, const struct node *key, const struct check_place *place);
bool check_scalar(const struct checker *checker, const struct node *node, const struct key_type *type,
    const struct check_place *place);
/* One key of a mapping and its value. */
bool check_key(const struct checker *checker, const struct key_context *context, const struct node_member *member,
    const struct check_place *place);

#endif
