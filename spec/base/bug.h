/*
 * Programming errors, as opposed to bad input: BUG() reports where and aborts. What a program
 * journals outside itself must make an abort safe.
 */
#ifndef SPEC_BASE_BUG_H
#define SPEC_BASE_BUG_H

#define BUG(...) bug_abort(__FILE__, __LINE__, __VA_ARGS__)

_Noreturn void bug_abort(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
