/*
 * Doubles as text, and comparing numbers of different kinds. The C library's number functions are used with the "C"
 * locale's decimal point; programs that link this must not change LC_NUMERIC.
 */
#ifndef SPEC_CEL_NUMBER_H
#define SPEC_CEL_NUMBER_H

#include "spec/cel/cel.h"

bool cel_is_number(const struct cel_value *value);

/* The shortest digits that read back as the same double, without an exponent; "NaN", "Infinity", "-Infinity". */
void cel_double_print(double real, struct strbuf *out);
/* As strtod, but the whole text, decimal only; "NaN", "Infinity" and "Inf" in any case. False when out of range. */
bool cel_double_read(struct str text, double *out);

/* An order, or CEL_UNORDERED where a NaN or a text that is no number is involved. */
enum { CEL_UNORDERED = 2 };
/* Both numbers. int and uint compare exactly with each other and with decimals, with doubles as doubles do. */
int cel_number_compare(const struct cel_value *a, const struct cel_value *b);
/* Units to charge for it, beyond the one for the comparison as such. */
uint64_t cel_number_compare_cost(const struct cel_value *a, const struct cel_value *b);

#endif
