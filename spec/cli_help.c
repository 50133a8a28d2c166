/* The tables of commands and options, and the help texts made of them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "spec/cli_table.h"
#include "spec/exit.h"

enum { HELP_WIDTH = 80, HELP_COMMAND_COLUMN = 12, HELP_OPTION_COLUMN = 26 };

const struct cli_command_row cli_commands[CLI_COMMAND_COUNT] = {
#define COMMAND_ROW(name, text, program, min, max, operands, exits, title, doc)                                        \
    [CLI_COMMAND_##name] = {text, CLI_PROGRAM_##program, min, max, operands, exits, title, doc},
#include "spec/command.def"
#undef COMMAND_ROW
};

/* The words of the COMMANDS column of option.def. */
#define C(name) CLI_BIT(CLI_COMMAND_##name)
#define ALL UINT32_MAX
#define EXECUTOR                                                                                                       \
    (C(INIT) | C(APPLY) | C(ROLLBACK) | C(STATUS) | C(VERIFY) | C(REPLAY) | C(REDO) | C(BASELINE) | C(REBIND) |        \
        C(RESOLVE) | C(UNLOCK))

const struct cli_option_row cli_options[CLI_OPTION_COUNT] = {
#define OPTION_ROW(name, text, short_name, argument, flags, commands, doc)                                             \
    [CLI_OPTION_##name] = {text, short_name, argument, CLI_FLAG_##flags, commands, doc},
#define OPTION_CHOICES(name, commands, choices)
#include "spec/option.def"
#undef OPTION_ROW
#undef OPTION_CHOICES
};

static const struct {
    enum cli_option option;
    uint32_t commands;
    const char *choices;
} choice_rows[] = {
#define OPTION_ROW(name, text, short_name, argument, flags, commands, doc)
#define OPTION_CHOICES(name, commands, choices) {CLI_OPTION_##name, commands, choices},
#include "spec/option.def"
#undef OPTION_ROW
#undef OPTION_CHOICES
};

_Static_assert(CLI_COMMAND_COUNT <= 32, "commands are bits of a uint32_t");

const char *cli_option_choices(enum cli_option option, enum cli_command command)
{
    for (size_t i = 0; i < sizeof(choice_rows) / sizeof(choice_rows[0]); i++)
        if (choice_rows[i].option == option && (choice_rows[i].commands & CLI_BIT(command)))
            return choice_rows[i].choices;
    return NULL;
}

/* Words of text, broken at HELP_WIDTH and indented from the second line on. column is where the cursor stands. */
static void print_wrapped(struct strbuf *out, const char *text, size_t column, size_t indent)
{
    bool first = true;

    while (*text) {
        size_t len = strcspn(text, " ");

        if (!first && column + 1 + len > HELP_WIDTH) {
            strbuf_printf(out, "\n%*s", (int)indent, "");
            column = indent;
            first = true;
        }
        strbuf_printf(out, "%s%.*s", first ? "" : " ", (int)len, text);
        column += len + !first;
        first = false;
        text += len;
        text += *text == ' ';
    }
    strbuf_append_char(out, '\n');
}

/* "  left", filled up to the column where the explanation begins. */
static void print_row(struct strbuf *out, const char *left, size_t column, const char *doc)
{
    size_t width = 2 + utf8_count(left, strlen(left));

    strbuf_printf(out, "  %s", left);
    if (width + 2 > column) {
        strbuf_append_char(out, '\n');
        width = 0;
    }
    strbuf_printf(out, "%*s", (int)(column - width), "");
    print_wrapped(out, doc, column, column);
}

static void print_commands(struct strbuf *out, const char *title, enum cli_program program)
{
    strbuf_printf(out, "\n%s\n", title);
    for (size_t i = 0; i < CLI_COMMAND_COUNT; i++)
        if (cli_commands[i].program == program)
            print_row(out, cli_commands[i].name, HELP_COMMAND_COLUMN, cli_commands[i].title);
}

void cli_print_help(struct strbuf *out)
{
    strbuf_append_text(out, "usage: invplan COMMAND [OPTION]...\n\n");
    print_wrapped(out,
        "Compiles migrations of PostgreSQL, DynamoDB and event schemas into a plan, and executes plans with checkpoints "
        "and rollback.", 0, 0);
    print_commands(out, "Without a network or credentials:", CLI_PROGRAM_COMPILER);
    print_commands(out, "Against the databases of a plan:", CLI_PROGRAM_EXECUTOR);
    print_commands(out, "About invplan:", CLI_PROGRAM_FRONT);
    strbuf_append_text(out, "\n'invplan COMMAND --help' lists a command's options and exit statuses.\n");
}

static void print_options(struct strbuf *out, enum cli_command command)
{
    for (size_t i = 0; i < CLI_OPTION_COUNT; i++) {
        const struct cli_option_row *row = &cli_options[i];
        const char *choices = cli_option_choices((enum cli_option)i, command);
        struct strbuf left = STRBUF_INIT, doc = STRBUF_INIT;

        if (!(row->commands & CLI_BIT(command)))
            continue;
        if (row->short_name)
            strbuf_printf(&left, "-%c, ", row->short_name);
        else
            strbuf_append_text(&left, "    ");
        strbuf_printf(&left, "--%s%s%s", row->name, row->argument ? " " : "", row->argument ? row->argument : "");
        strbuf_append_text(&doc, row->doc);
        if (choices) {
            strbuf_append_text(&doc, ": ");
            for (const char *c = choices; *c; c++)
                strbuf_append(&doc, *c == '|' ? ", " : c, *c == '|' ? 2 : 1);
        }
        if (row->flags == CLI_FLAG_MANY)
            strbuf_append_text(&doc, "; may be given several times");
        print_row(out, left.data, HELP_OPTION_COLUMN, doc.data);
        strbuf_free(&left);
        strbuf_free(&doc);
    }
}

/* ranges: "0,2-4" */
static bool in_ranges(const char *ranges, int status)
{
    while (*ranges) {
        char *end;
        long first = strtol(ranges, &end, 10), last = first;

        if (*end == '-')
            last = strtol(end + 1, &end, 10);
        if (status >= first && status <= last)
            return true;
        ranges = *end == ',' ? end + 1 : end;
    }
    return false;
}

static void print_exits(struct strbuf *out, const char *ranges)
{
    static const struct {
        int status;
        const char *meaning;
    } rows[] = {
#define EXIT_ROW(name, status, meaning) {status, meaning},
#include "spec/exit.def"
#undef EXIT_ROW
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (in_ranges(ranges, rows[i].status)) {
            strbuf_printf(out, "  %3d   ", rows[i].status);
            print_wrapped(out, rows[i].meaning, 8, 8);
        }
}

void cli_print_command_help(struct strbuf *out, enum cli_command command)
{
    const struct cli_command_row *row = &cli_commands[command];

    strbuf_printf(out, "usage: invplan %s [OPTION]...%s%s\n\n", row->name, row->operands[0] ? " " : "", row->operands);
    print_wrapped(out, row->doc, 0, 0);
    strbuf_append_text(out, "\nOptions:\n");
    print_options(out, command);
    strbuf_append_text(out, "\nExit status:\n");
    print_exits(out, row->exits);
}
