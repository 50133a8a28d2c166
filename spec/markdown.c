#include "spec/markdown.h"

#include <string.h>

#include "spec/printable.h"

void markdown_put_text(struct strbuf *out, struct str text)
{
    struct strbuf clean = STRBUF_INIT;

    printable_append_line(&clean, text);
    for (size_t i = 0; i < clean.len; i++) {
        if (clean.data[i] == '<')
            strbuf_append_text(out, "&lt;");
        else if (clean.data[i] == '&')
            strbuf_append_text(out, "&amp;");
        else if (strchr("\\`*_[]|", clean.data[i]))
            strbuf_printf(out, "\\%c", clean.data[i]);
        else
            strbuf_append_char(out, clean.data[i]);
    }
    strbuf_free(&clean);
}

void markdown_put_html(struct strbuf *out, struct str text)
{
    struct strbuf clean = STRBUF_INIT;

    printable_append_line(&clean, text);
    for (size_t i = 0; i < clean.len; i++) {
        if (clean.data[i] == '<')
            strbuf_append_text(out, "&lt;");
        else if (clean.data[i] == '&')
            strbuf_append_text(out, "&amp;");
        else
            strbuf_append_char(out, clean.data[i]);
    }
    strbuf_free(&clean);
}

/* A run of backticks encloses text that has no run as long. */
static void put_fence(struct strbuf *out, struct str text, size_t at_least)
{
    size_t longest = 0, run = 0;

    for (size_t i = 0; i < text.len; i++) {
        run = text.data[i] == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    for (size_t i = 0; i < at_least || i < longest + 1; i++)
        strbuf_append_char(out, '`');
}

void markdown_put_code(struct strbuf *out, struct str text)
{
    struct strbuf clean = STRBUF_INIT;
    const char *blank;

    printable_append_line(&clean, text);
    text = strbuf_view(&clean);
    blank = memchr(text.data, '`', text.len) ? " " : "";
    put_fence(out, text, 1);
    strbuf_append_text(out, blank);
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '|') /* it ends a table's cell even inside code */
            strbuf_append_char(out, '\\');
        strbuf_append_char(out, text.data[i]);
    }
    strbuf_append_text(out, blank);
    put_fence(out, text, 1);
    strbuf_free(&clean);
}

void markdown_put_block(struct strbuf *out, const char *language, struct str text)
{
    struct strbuf clean = STRBUF_INIT;

    printable_append(&clean, text);
    text = strbuf_view(&clean);
    put_fence(out, text, 3);
    strbuf_printf(out, "%s\n", language);
    strbuf_append_str(out, text);
    if (!str_ends_with(text, "\n"))
        strbuf_append_char(out, '\n');
    put_fence(out, text, 3);
    strbuf_append_char(out, '\n');
    strbuf_free(&clean);
}
