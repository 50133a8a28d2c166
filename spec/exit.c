#include "spec/exit.h"

#include <stddef.h>

const char *exit_status_meaning(int status)
{
    switch (status) {
#define EXIT_ROW(name, number, meaning)                                                                                \
    case number:                                                                                                       \
        return meaning;
#include "spec/exit.def"
#undef EXIT_ROW
    default:
        return NULL;
    }
}
