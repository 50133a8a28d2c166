/* What the readers of the tools' formats share. */
#ifndef COMPILER_IMPORT_READER_H
#define COMPILER_IMPORT_READER_H

#include "compiler/import/import.h"

/* Each appends its changes in the tool's own order. */
bool import_read_golang_migrate(struct import_history *history, struct error *error) MUST_CHECK;
bool import_read_dbmate(struct import_history *history, struct error *error) MUST_CHECK;
bool import_read_flyway(struct import_history *history, struct error *error) MUST_CHECK;
bool import_read_sqitch(struct import_history *history, struct error *error) MUST_CHECK;
bool import_read_typeorm(struct import_history *history, struct error *error) MUST_CHECK;

/* Messages: lower case, no final stop. line 0: the file as a whole. */
void import_note(struct import_history *history, const char *path, size_t line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void import_open(struct import_history *history, const char *path, size_t line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The file of that path; NULL when there is none. */
const struct import_file *import_find(const struct import_source *source, const char *path);
/* Behind the last '/'. */
const char *import_base_name(const char *path);
/* Line (1-based) of a byte. */
size_t import_line_at(struct str text, size_t offset);
/* The next line without its end, from *position on; false at the end. */
bool import_next_line(struct str text, size_t *position, struct str *line);
/* All of a file. */
struct import_script import_script_of(const struct import_file *file);
/* Compares two runs of digits as numbers of any length. */
int import_compare_digits(struct str a, struct str b);

/* A line of SQL that no compiler accepts: what stands at that place has to be written by a person. what: shown behind
 * it. */
const char *import_marker(struct arena *arena, const char *path, size_t line, const char *what);

/*
 * What the scripts of all changes have in common, once they are read: transactions are taken out (they are the
 * executor's), SQL that is missing or cannot be parsed is reported, backward SQL that is not whole is left out, ids are
 * made fit.
 */
void import_settle(struct import_history *history);

#endif
