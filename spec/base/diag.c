#include "spec/base/diag.h"

#include <stdlib.h>
#include <string.h>

#include "spec/base/arena.h"

enum { DIAG_LINE_MAX = 160 };

void diag_list_init(struct diag_list *list, struct arena *arena)
{
    *list = (struct diag_list){.arena = arena};
}

struct diag *diag_report(struct diag_list *list, const struct diag_code *code, struct span span, const char *format, ...)
{
    struct diag *diag = ARENA_NEW(list->arena, struct diag);
    va_list ap;

    diag->code = code;
    diag->severity = code->severity;
    diag->span = span;
    va_start(ap, format);
    diag->message = arena_vprintf(list->arena, format, ap);
    va_end(ap);
    diag->order = list->items.count;
    VEC_PUSH(list->arena, &list->items, diag);
    list->error_count += diag->severity == DIAG_SEVERITY_ERROR;
    list->warning_count += diag->severity == DIAG_SEVERITY_WARNING;
    return diag;
}

void diag_add_note(struct diag_list *list, struct diag *diag, struct span span, const char *format, ...)
{
    va_list ap;
    struct diag_note note = {.span = span};

    va_start(ap, format);
    note.text = arena_vprintf(list->arena, format, ap);
    va_end(ap);
    VEC_PUSH(list->arena, &diag->notes, note);
}

void diag_add_help(struct diag_list *list, struct diag *diag, const char *format, ...)
{
    va_list ap;
    const char *text;

    va_start(ap, format);
    text = arena_vprintf(list->arena, format, ap);
    va_end(ap);
    VEC_PUSH(list->arena, &diag->help, text);
}

static int compare_diags(const void *left, const void *right)
{
    const struct diag *a = *(const struct diag *const *)left, *b = *(const struct diag *const *)right;
    int order = strcmp(a->span.source ? a->span.source->path : "", b->span.source ? b->span.source->path : "");

    if (order)
        return order;
    if (a->span.start != b->span.start)
        return a->span.start < b->span.start ? -1 : 1;
    order = strcmp(a->code->name, b->code->name);
    if (order)
        return order;
    if (a->severity != b->severity) /* of two that are the same but for that, the worse one stays */
        return a->severity < b->severity ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

static bool same_diag(const struct diag *a, const struct diag *b)
{
    return a->code == b->code && a->span.source == b->span.source && a->span.start == b->span.start &&
           strcmp(a->message, b->message) == 0;
}

void diag_list_sort(struct diag_list *list)
{
    size_t kept = 0;

    if (list->items.count == 0)
        return;
    qsort(list->items.items, list->items.count, sizeof(*list->items.items), compare_diags);
    for (size_t i = 0; i < list->items.count; i++) {
        struct diag *diag = list->items.items[i];

        if (kept && same_diag(list->items.items[kept - 1], diag)) {
            list->error_count -= diag->severity == DIAG_SEVERITY_ERROR;
            list->warning_count -= diag->severity == DIAG_SEVERITY_WARNING;
        } else {
            list->items.items[kept++] = diag;
        }
    }
    list->items.count = kept;
}

const char *diag_severity_name(enum diag_severity severity)
{
    switch (severity) {
    case DIAG_SEVERITY_ERROR:
        return "error";
    case DIAG_SEVERITY_WARNING:
        return "warning";
    case DIAG_SEVERITY_INFO:
        return "info";
    }
    return "error";
}

static bool is_control(unsigned char byte)
{
    return byte < 0x20 || byte == 0x7F;
}

/*
 * Length of the character at text if it must not reach a terminal, else 0: control characters, those of C1 included, and
 * the characters that reorder what is shown (U+061C, U+200E, U+200F, U+202A..E, U+2066..9, U+FEFF).
 */
static size_t unsafe_len(const unsigned char *text, size_t len)
{
    if (is_control(text[0]))
        return 1;
    if (len >= 2 && ((text[0] == 0xC2 && text[1] >= 0x80 && text[1] <= 0x9F) || (text[0] == 0xD8 && text[1] == 0x9C)))
        return 2;
    if (len < 3)
        return 0;
    if (text[0] == 0xE2 && text[1] == 0x80 && (text[2] == 0x8E || text[2] == 0x8F || (text[2] >= 0xAA && text[2] <= 0xAE)))
        return 3;
    return (text[0] == 0xE2 && text[1] == 0x81 && text[2] >= 0xA6 && text[2] <= 0xA9) ||
                   (text[0] == 0xEF && text[1] == 0xBB && text[2] == 0xBF)
               ? 3
               : 0;
}

/* One '?' stands for one character, so that columns stay. */
static void print_clean(struct strbuf *out, struct str text)
{
    for (size_t i = 0; i < text.len;) {
        size_t unsafe = unsafe_len((const unsigned char *)text.data + i, text.len - i);

        strbuf_append_char(out, text.data[i] == '\t' ? ' ' : unsafe ? '?' : text.data[i]);
        i += unsafe ? unsafe : 1;
    }
}

/* Bytes of text that hold its first `count` code points. */
static size_t prefix_bytes(struct str text, size_t count)
{
    size_t i = 0;

    while (i < text.len && count > 0) {
        i++;
        while (i < text.len && ((unsigned char)text.data[i] & 0xC0) == 0x80)
            i++;
        count--;
    }
    return i;
}

/* The source line with a caret below the span; long lines are cut around it. */
static void print_excerpt(struct strbuf *out, struct span span)
{
    struct location at = source_locate(span.source, span.start);
    struct str line = source_line(span.source, at.line);
    size_t caret = at.column - 1, width, skip = 0, marks, shown;
    uint32_t line_end = span.source->line_starts[at.line - 1] + (uint32_t)line.len;
    uint32_t end = span.end < line_end ? span.end : line_end;

    width = utf8_count(line.data, line.len);
    marks = end > span.start ? utf8_count(span.source->text.data + span.start, end - span.start) : 1;
    if (caret > DIAG_LINE_MAX / 2 && width > DIAG_LINE_MAX)
        skip = caret - DIAG_LINE_MAX / 2;
    line.data += prefix_bytes(line, skip);
    line.len -= (size_t)(line.data - source_line(span.source, at.line).data);
    shown = prefix_bytes(line, DIAG_LINE_MAX);
    strbuf_printf(out, "%6zu | ", at.line);
    print_clean(out, (struct str){line.data, shown});
    strbuf_append_text(out, "\n       | ");
    for (size_t i = skip; i < caret; i++)
        strbuf_append_char(out, ' ');
    strbuf_append_char(out, '^');
    for (size_t i = 1; i < marks && caret - skip + i < DIAG_LINE_MAX; i++)
        strbuf_append_char(out, '~');
    strbuf_append_char(out, '\n');
}

static void print_place(struct strbuf *out, struct span span)
{
    if (span.source) {
        struct location at = source_locate(span.source, span.start);

        strbuf_printf(out, "%s:%zu:%zu: ", span.source->path, at.line, at.column);
    }
}

void diag_list_print(const struct diag_list *list, struct strbuf *out)
{
    for (size_t i = 0; i < list->items.count; i++) {
        const struct diag *diag = list->items.items[i];

        print_place(out, diag->span);
        strbuf_printf(out, "%s[%s]: ", diag_severity_name(diag->severity), diag->code->name);
        print_clean(out, str_from(diag->message));
        strbuf_append_char(out, '\n');
        if (diag->span.source)
            print_excerpt(out, diag->span);
        for (size_t j = 0; j < diag->notes.count; j++) {
            strbuf_append_text(out, "  note: ");
            print_place(out, diag->notes.items[j].span);
            print_clean(out, str_from(diag->notes.items[j].text));
            strbuf_append_char(out, '\n');
        }
        for (size_t j = 0; j < diag->help.count; j++) {
            strbuf_append_text(out, "  help: ");
            print_clean(out, str_from(diag->help.items[j]));
            strbuf_append_char(out, '\n');
        }
    }
}
