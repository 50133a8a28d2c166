/* Exit statuses of all programs; the rows are in exit.def. */
#ifndef SPEC_EXIT_H
#define SPEC_EXIT_H

enum exit_status {
#define EXIT_ROW(name, status, meaning) EXIT_STATUS_##name = (status),
#include "spec/exit.def"
#undef EXIT_ROW
};

/* One line for people, or NULL for a status that is not in the table. */
const char *exit_status_meaning(int status);

#endif
