/* The commands that main.c dispatches to. Each prints its result and errors and returns the exit status. */
#ifndef COMPILER_COMMAND_H
#define COMPILER_COMMAND_H

struct cli_arguments;
struct backend_list;

int command_compile(const struct cli_arguments *arguments, const struct backend_list *backends);
int command_lint(const struct cli_arguments *arguments, const struct backend_list *backends);
int command_schema(const struct cli_arguments *arguments);
int command_upcast(const struct cli_arguments *arguments);
int command_export(const struct cli_arguments *arguments);

int command_import(const struct cli_arguments *arguments);
int command_new(const struct cli_arguments *arguments);

int command_show(const struct cli_arguments *arguments);
int command_diff(const struct cli_arguments *arguments);
int command_explain(const struct cli_arguments *arguments);

#endif
