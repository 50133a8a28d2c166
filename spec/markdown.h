/* Text of unknown origin inside Markdown (GitHub's): nothing in it can open markup, and printable.h cleans it. */
#ifndef SPEC_MARKDOWN_H
#define SPEC_MARKDOWN_H

#include "spec/base/str.h"

void markdown_put_text(struct strbuf *out, struct str text); /* one line */
void markdown_put_html(struct strbuf *out, struct str text); /* one line inside HTML tags, where Markdown is not read */
void markdown_put_code(struct strbuf *out, struct str text); /* a code span, also in tables */
/* A fenced block; text that does not end with LF gets one. */
void markdown_put_block(struct strbuf *out, const char *language, struct str text);

#endif
