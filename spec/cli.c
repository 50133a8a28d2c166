#include "spec/cli.h"

#include <stdio.h>
#include <string.h>

#include "spec/cli_table.h"
#include "spec/duration.h"
#include "spec/exit.h"
#include "spec/terminal.h"

enum { CHOICES_MAX = 16 };

bool cli_has(const struct cli_arguments *arguments, enum cli_option option)
{
    return arguments->options[option].items.count > 0;
}

const char *cli_value(const struct cli_arguments *arguments, enum cli_option option)
{
    const struct cli_values *values = &arguments->options[option];

    return values->items.count ? values->items.items[values->items.count - 1] : NULL;
}

int64_t cli_duration_ms(const struct cli_arguments *arguments, enum cli_option option, int64_t fallback)
{
    int64_t ms;

    return duration_parse(str_from(cli_value(arguments, option)), &ms) ? ms : fallback;
}

bool cli_command_from_name(struct str name, enum cli_command *out)
{
    for (size_t i = 0; i < CLI_COMMAND_COUNT; i++)
        if (str_is(name, cli_commands[i].name)) {
            *out = (enum cli_command)i;
            return true;
        }
    return false;
}

enum cli_program cli_command_program(enum cli_command command)
{
    return cli_commands[command].program;
}

const char *cli_command_name(enum cli_command command)
{
    return cli_commands[command].name;
}

bool cli_unknown_command(struct error *error, const char *name)
{
    const char *names[CLI_COMMAND_COUNT], *meant;

    for (size_t i = 0; i < CLI_COMMAND_COUNT; i++)
        names[i] = cli_commands[i].name;
    meant = str_did_you_mean(str_from(name), names, CLI_COMMAND_COUNT);
    error_set(error, EXIT_STATUS_USAGE, "there is no command '%.100s'", name);
    return meant ? error_help(error, "did you mean 'invplan %s'?", meant)
                 : error_help(error, "'invplan help' lists the commands");
}

/* The option of the command with this name (len bytes), or CLI_OPTION_COUNT. */
static enum cli_option find_option(enum cli_command command, struct str name)
{
    for (size_t i = 0; i < CLI_OPTION_COUNT; i++)
        if ((cli_options[i].commands & CLI_BIT(command)) && str_is(name, cli_options[i].name))
            return (enum cli_option)i;
    return CLI_OPTION_COUNT;
}

static enum cli_option find_short_option(enum cli_command command, char name)
{
    for (size_t i = 0; i < CLI_OPTION_COUNT; i++)
        if ((cli_options[i].commands & CLI_BIT(command)) && cli_options[i].short_name == name)
            return (enum cli_option)i;
    return CLI_OPTION_COUNT;
}

static bool fail_unknown_option(enum cli_command command, struct str name, struct error *error)
{
    const char *names[CLI_OPTION_COUNT], *meant;
    size_t count = 0;

    for (size_t i = 0; i < CLI_OPTION_COUNT; i++)
        if (cli_options[i].commands & CLI_BIT(command))
            names[count++] = cli_options[i].name;
    meant = str_did_you_mean(name, names, count);
    error_set(error, EXIT_STATUS_USAGE, "'%s' has no option '--%.*s'", cli_commands[command].name,
        name.len > 100 ? 100 : (int)name.len, name.data);
    return meant ? error_help(error, "did you mean '--%s'?", meant)
                 : error_help(error, "'invplan %s --help' lists the options", cli_commands[command].name);
}

static bool check_choice(enum cli_command command, enum cli_option option, const char *value, struct error *error)
{
    struct arena arena = ARENA_INIT;
    const char *choices = cli_option_choices(option, command), *names[CHOICES_MAX], *meant;
    size_t count = 0;
    bool found = !choices;

    for (char *at = choices ? arena_strdup(&arena, choices) : NULL; at && count < CHOICES_MAX;) {
        char *bar = strchr(at, '|');

        if (bar)
            *bar = '\0';
        found = found || strcmp(at, value) == 0;
        names[count++] = at;
        at = bar ? bar + 1 : NULL;
    }
    if (!found) {
        meant = str_did_you_mean(str_from(value), names, count);
        error_set(error, EXIT_STATUS_USAGE, "'--%s' takes %s, not '%.100s'", cli_options[option].name, choices, value);
        if (meant)
            error_help(error, "did you mean '%s'?", meant);
    }
    arena_free(&arena);
    return found;
}

static bool add_value(struct arena *arena, struct cli_arguments *out, enum cli_option option, const char *value,
    struct error *error)
{
    const struct cli_option_row *row = &cli_options[option];
    int64_t ms;

    if (row->argument && !check_choice(out->command, option, value, error))
        return false;
    if (row->flags == CLI_FLAG_DURATION && !duration_parse(str_from(value), &ms)) {
        error_set(error, EXIT_STATUS_USAGE, "'--%s' takes a duration, not '%.100s'", row->name, value);
        return error_help(error, "write a number and its unit: 500ms, 30s, 10m, 2h, 1d");
    }
    if (row->flags != CLI_FLAG_MANY && out->options[option].items.count)
        return error_set(error, EXIT_STATUS_USAGE, "'--%s' is given twice", row->name);
    VEC_PUSH(arena, &out->options[option].items, value);
    return true;
}

/* One option at argv[*at]; *at moves on to its last word. */
static bool parse_option(struct arena *arena, int argc, char **argv, int *at, struct cli_arguments *out,
    struct error *error)
{
    const char *word = argv[*at], *value = NULL;
    bool is_long = word[1] == '-';
    const char *equals = is_long ? strchr(word, '=') : NULL;
    struct str name = {word + 2, equals ? (size_t)(equals - word - 2) : strlen(word + 1) - 1};
    enum cli_option option = is_long ? find_option(out->command, name) : find_short_option(out->command, word[1]);

    if (option == CLI_OPTION_COUNT && is_long)
        return fail_unknown_option(out->command, name, error);
    if (option == CLI_OPTION_COUNT) {
        error_set(error, EXIT_STATUS_USAGE, "'%s' has no option '-%c'", cli_commands[out->command].name, word[1]);
        return error_help(error, "'invplan %s --help' lists the options", cli_commands[out->command].name);
    }
    if (equals)
        value = equals + 1;
    else if (!is_long && word[2])
        value = word + 2;
    if (!cli_options[option].argument) {
        if (value)
            return error_set(error, EXIT_STATUS_USAGE, "'--%s' takes no argument", cli_options[option].name);
        return add_value(arena, out, option, "", error);
    }
    if (!value) {
        if (*at + 1 == argc)
            return error_set(error, EXIT_STATUS_USAGE, "'--%s' needs an argument: %s", cli_options[option].name,
                cli_options[option].argument);
        value = argv[++*at];
    }
    return add_value(arena, out, option, value, error);
}

static bool check_operands(const struct cli_arguments *arguments, struct error *error)
{
    const struct cli_command_row *row = &cli_commands[arguments->command];

    if (arguments->operands.count > row->max)
        return error_set(error, EXIT_STATUS_USAGE, "'%s' is one argument too many for '%s'",
            arguments->operands.items[row->max], row->name);
    if (arguments->operands.count < row->min)
        return error_set(error, EXIT_STATUS_USAGE, "'%s' needs %s", row->name, row->operands);
    return true;
}

bool cli_parse(struct arena *arena, int argc, char **argv, struct cli_arguments *out, struct error *error)
{
    bool options_ended = false;

    *out = (struct cli_arguments){.command = CLI_COMMAND_HELP};
    if (argc < 2) {
        error_set(error, EXIT_STATUS_USAGE, "a command is wanted");
        return error_help(error, "'invplan help' lists the commands");
    }
    if (!cli_command_from_name(str_from(argv[1]), &out->command))
        return cli_unknown_command(error, argv[1]);
    for (int i = 2; i < argc; i++) {
        if (!options_ended && strcmp(argv[i], "--") == 0) {
            options_ended = true;
        } else if (!options_ended && argv[i][0] == '-' && argv[i][1]) {
            if (!parse_option(arena, argc, argv, &i, out, error))
                return false;
        } else {
            VEC_PUSH(arena, &out->operands, argv[i]);
        }
    }
    return cli_has(out, CLI_OPTION_HELP) || check_operands(out, error);
}

int cli_report(const struct error *error)
{
    fprintf(stderr, "invplan: %s\n", error->message);
    if (error->help[0])
        fprintf(stderr, "  help: %s\n", error->help);
    return error->exit_status;
}

/* Prints what help or version is asked for, and returns the exit status. */
static int print_information(const struct cli_arguments *arguments)
{
    const char *topic = arguments->operands.count ? arguments->operands.items[0] : NULL;
    enum cli_command command = arguments->command;
    struct strbuf out = STRBUF_INIT;
    struct error error;
    int status;

    if (command == CLI_COMMAND_HELP && topic && !cli_command_from_name(str_from(topic), &command)) {
        cli_unknown_command(&error, topic);
        return cli_report(&error);
    }
    if (command == CLI_COMMAND_VERSION && !topic && !cli_has(arguments, CLI_OPTION_HELP))
        strbuf_append_text(&out, "invplan " INVPLAN_VERSION "\n");
    else if (command == CLI_COMMAND_HELP && !topic)
        cli_print_help(&out);
    else
        cli_print_command_help(&out, command);
    status = terminal_write(strbuf_view(&out)) ? EXIT_STATUS_DONE : EXIT_STATUS_IO;
    strbuf_free(&out);
    return status;
}

bool cli_start(struct arena *arena, enum cli_program program, int argc, char **argv, struct cli_arguments *out,
    int *status)
{
    char *help[] = {argv[0], (char *)"help", NULL}, *version[] = {argv[0], (char *)"version", NULL};
    enum cli_program owner;
    struct error error;

    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        argv = help;
    else if (argc == 2 && strcmp(argv[1], "--version") == 0)
        argv = version;
    if (!cli_parse(arena, argc, argv, out, &error)) {
        *status = cli_report(&error);
        return false;
    }
    owner = cli_command_program(out->command);
    if (owner == CLI_PROGRAM_FRONT || cli_has(out, CLI_OPTION_HELP)) {
        *status = print_information(out);
        return false;
    }
    if (owner == CLI_PROGRAM_HIDDEN_COMPILER)
        owner = CLI_PROGRAM_COMPILER;
    if (owner != program) {
        error_set(&error, EXIT_STATUS_USAGE, "this program has no command '%s'", argv[1]);
        error_help(&error, "call it as 'invplan %s'", argv[1]);
        *status = cli_report(&error);
        return false;
    }
    return true;
}
