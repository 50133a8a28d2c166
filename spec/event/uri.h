/* URI references (RFC 3986): resolution by section 5.2, as far as identifiers of schemas need it. */
#ifndef SPEC_EVENT_URI_H
#define SPEC_EVENT_URI_H

#include <stdbool.h>

#include "spec/base/str.h"

struct arena;

/* The target of reference as seen from base (absolute, or "" where nothing is known). Never fails. */
struct str uri_resolve(struct arena *arena, struct str base, struct str reference);
/* Cuts at the '#'. fragment is "" without one. */
void uri_split_fragment(struct str uri, struct str *without, struct str *fragment);
/* %XX undone. False for a '%' without two hexadecimal digits, a NUL, or a result that is not UTF-8. */
bool uri_decode(struct arena *arena, struct str text, struct str *out);

#endif
