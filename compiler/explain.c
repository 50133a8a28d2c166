#include <string.h>

#include "compiler/command.h"
#include "spec/cli.h"
#include "spec/diagnostic.h"
#include "spec/exit.h"
#include "spec/terminal.h"

enum { WIDTH = 80 };

static void print_list(struct strbuf *out)
{
    for (size_t i = 0; i < DIAG_ID_COUNT; i++)
        strbuf_printf(out, "%-10s %-8s %s\n", diag_codes[i].name, diag_severity_name(diag_codes[i].severity),
            diag_codes[i].title);
}

/* A paragraph without line ends, broken into lines. Returns what follows the blank line behind it. */
static const char *print_paragraph(struct strbuf *out, const char *text)
{
    const char *end = strstr(text, "\n\n");
    size_t len = end ? (size_t)(end - text) : strlen(text), column = 0;

    if (text[0] == ' ') { /* an example: as it stands */
        strbuf_printf(out, "%.*s\n", (int)len, text);
        return end ? end + 2 : text + len;
    }
    for (size_t i = 0; i < len;) {
        size_t word = strcspn(text + i, " \n");

        if (word > len - i)
            word = len - i;
        if (column && column + 1 + utf8_count(text + i, word) > WIDTH) {
            strbuf_append_char(out, '\n');
            column = 0;
        }
        if (column)
            strbuf_append_char(out, ' ');
        strbuf_append(out, text + i, word);
        column += utf8_count(text + i, word) + (column > 0);
        i += word;
        while (i < len && (text[i] == ' ' || text[i] == '\n'))
            i++;
    }
    strbuf_append_char(out, '\n');
    return end ? end + 2 : text + len;
}

static void print_code(struct strbuf *out, const struct diag_code *code)
{
    const char *text = code->explain;

    strbuf_printf(out, "%s[%s]: %s\n", diag_severity_name(code->severity), code->name, code->title);
    while (*text) {
        strbuf_append_char(out, '\n');
        text = print_paragraph(out, text);
    }
}

static int report_unknown(const char *name)
{
    const char *names[DIAG_ID_COUNT + 1], *meant;
    struct error error;

    for (size_t i = 0; i < DIAG_ID_COUNT; i++)
        names[i] = diag_codes[i].name;
    meant = str_did_you_mean(str_from(name), names, DIAG_ID_COUNT);
    error_set(&error, EXIT_STATUS_USAGE, "there is no code '%.100s'", name);
    if (meant)
        error_help(&error, "did you mean '%s'?", meant);
    else
        error_help(&error, "'invplan explain' lists the codes");
    return cli_report(&error);
}

int command_explain(const struct cli_arguments *arguments)
{
    struct strbuf out = STRBUF_INIT;
    const struct diag_code *code = NULL;
    int status;

    if (arguments->operands.count) {
        code = diag_code_find(str_from(arguments->operands.items[0]));
        if (!code)
            return report_unknown(arguments->operands.items[0]);
        print_code(&out, code);
    } else {
        print_list(&out);
    }
    status = terminal_write(strbuf_view(&out)) ? EXIT_STATUS_DONE : EXIT_STATUS_IO;
    strbuf_free(&out);
    return status;
}
