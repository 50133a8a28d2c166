/*
 * Text of unknown origin made safe to print: control characters (which drive terminals) and the Unicode characters that
 * reorder what is shown (so that a reviewer reads something else than what is run) come out as <U+XXXX>.
 */
#ifndef SPEC_PRINTABLE_H
#define SPEC_PRINTABLE_H

#include "spec/base/str.h"

/* Line feeds stay, tabs become blanks. */
void printable_append(struct strbuf *out, struct str text);
/* For one line: line feeds become blanks. */
void printable_append_line(struct strbuf *out, struct str text);

#endif
