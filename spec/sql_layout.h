/* Long SQL statements laid out for reading: only white space between tokens is added, so the meaning stays. */
#ifndef SPEC_SQL_LAYOUT_H
#define SPEC_SQL_LAYOUT_H

#include "spec/base/str.h"

/*
 * Appends the statement. One that was written on a single long line gets the elements of its first long parenthesis on
 * lines of their own, as those of CREATE TABLE; any other stays as it is.
 */
void sql_layout_append(struct strbuf *out, struct str sql);

#endif
