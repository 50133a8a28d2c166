/*
 * Command lines: the tables command.def and option.def, a parser by them, and the help texts.
 *
 *     if (!cli_start(&arena, CLI_PROGRAM_COMPILER, argc, argv, &arguments, &status))
 *         return status;                                       help was printed, or what is wrong
 *     switch (arguments.command) { case CLI_COMMAND_SHOW: return command_show(&arguments); …
 *
 * Options stand anywhere behind the command, as `--name value`, `--name=value`, `-n value` or `-nvalue`; `--` ends them.
 */
#ifndef SPEC_CLI_H
#define SPEC_CLI_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/base/error.h"
#include "spec/base/str.h"
#include "spec/base/vec.h"

enum cli_program { CLI_PROGRAM_FRONT, CLI_PROGRAM_COMPILER, CLI_PROGRAM_HIDDEN_COMPILER, CLI_PROGRAM_EXECUTOR };

enum cli_command {
#define COMMAND_ROW(name, text, program, min, max, operands, exits, title, doc) CLI_COMMAND_##name,
#include "spec/command.def"
#undef COMMAND_ROW
    CLI_COMMAND_COUNT,
};

enum cli_option {
#define OPTION_ROW(name, text, short_name, argument, flags, commands, doc) CLI_OPTION_##name,
#define OPTION_CHOICES(name, commands, choices)
#include "spec/option.def"
#undef OPTION_ROW
#undef OPTION_CHOICES
    CLI_OPTION_COUNT,
};

struct cli_values {
    VEC(const char *) items; /* "" each where the option takes no argument */
};

struct cli_arguments {
    enum cli_command command;
    struct cli_values options[CLI_OPTION_COUNT];
    VEC(const char *) operands;
};

bool cli_has(const struct cli_arguments *arguments, enum cli_option option);
/* The option's (last) argument; NULL when it was not given. */
const char *cli_value(const struct cli_arguments *arguments, enum cli_option option);
/* The argument of a DURATION option in milliseconds, or fallback. */
int64_t cli_duration_ms(const struct cli_arguments *arguments, enum cli_option option, int64_t fallback);

/* argv[1] is the command. exit_status of the error is USAGE. */
bool cli_parse(struct arena *arena, int argc, char **argv, struct cli_arguments *out, struct error *error) MUST_CHECK;
/*
 * What the programs begin with: parses, prints help and version where asked, reports what is wrong and refuses commands
 * of another program. False: the process is to end with *status.
 */
bool cli_start(struct arena *arena, enum cli_program program, int argc, char **argv, struct cli_arguments *out,
    int *status) MUST_CHECK;
/* "invplan: message" and its help line on stderr; returns the error's exit status. */
int cli_report(const struct error *error);

bool cli_command_from_name(struct str name, enum cli_command *out);
enum cli_program cli_command_program(enum cli_command command);
const char *cli_command_name(enum cli_command command);
/* Sets the error for a command that is not in the table, with what may be meant; returns false. */
bool cli_unknown_command(struct error *error, const char *name);
void cli_print_help(struct strbuf *out);                                  /* the list of commands */
void cli_print_command_help(struct strbuf *out, enum cli_command command);

#endif
