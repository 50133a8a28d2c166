#include "spec/terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool terminal_has_colour(FILE *file)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

    return isatty(fileno(file)) && !(no_color && no_color[0]) && term && strcmp(term, "dumb") != 0;
}

bool terminal_write(struct str text)
{
    if (fwrite(text.data, 1, text.len, stdout) == text.len && fflush(stdout) == 0)
        return true;
    fprintf(stderr, "invplan: standard output cannot be written: %s\n", strerror(errno));
    return false;
}
