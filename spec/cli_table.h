/* The rows of command.def and option.def, for cli.c and cli_help.c. */
#ifndef SPEC_CLI_TABLE_H
#define SPEC_CLI_TABLE_H

#include "spec/cli.h"

struct cli_command_row {
    const char *name;
    enum cli_program program;
    size_t min;
    size_t max;
    const char *operands;
    const char *exits;
    const char *title;
    const char *doc;
};

enum cli_flags { CLI_FLAG_ONCE, CLI_FLAG_MANY, CLI_FLAG_DURATION };

struct cli_option_row {
    const char *name;
    char short_name; /* or NUL */
    const char *argument; /* NULL: it takes none */
    enum cli_flags flags;
    uint32_t commands; /* CLI_BIT() of each */
    const char *doc;
};

#define CLI_BIT(command) (UINT32_C(1) << (command))

extern const struct cli_command_row cli_commands[CLI_COMMAND_COUNT];
extern const struct cli_option_row cli_options[CLI_OPTION_COUNT];
/* "a|b|c", or NULL where any argument is taken. */
const char *cli_option_choices(enum cli_option option, enum cli_command command);

#endif
