/*
 * From a byte of a scalar's decoded text back to its place in the source: decodes the scalar once more, by YAML's rules
 * for its style, and notes where the bytes asked for come from.
 */
#include "compiler/yaml.h"

struct walker {
    const char *data; /* the source */
    size_t end;       /* where the scalar may reach to at most */
    size_t decoded;   /* bytes of decoded text so far */
    size_t wanted_first, wanted_last;
    size_t first_start, last_end; /* in the source, once found */
    size_t here;                  /* behind the last decoded byte */
};

/* len bytes of decoded text come from start..end of the source. */
static void emit(struct walker *walker, size_t len, size_t start, size_t end)
{
    if (walker->wanted_first >= walker->decoded && walker->wanted_first < walker->decoded + len)
        walker->first_start = start;
    if (walker->wanted_last >= walker->decoded && walker->wanted_last < walker->decoded + len)
        walker->last_end = end;
    walker->decoded += len;
    walker->here = end;
}

static bool done(const struct walker *walker)
{
    return walker->decoded > walker->wanted_last;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_break(char c)
{
    return c == '\n' || c == '\r';
}

/* Behind the line break at pos. */
static size_t skip_break(const struct walker *walker, size_t pos)
{
    if (walker->data[pos] == '\r' && pos + 1 < walker->end && walker->data[pos + 1] == '\n')
        return pos + 2;
    return pos + 1;
}

/* --- plain and quoted ----------------------------------------------------------------------------------------- */

static unsigned hex_value(const char *digits, size_t count)
{
    unsigned value = 0;

    for (size_t i = 0; i < count; i++) {
        unsigned char c = (unsigned char)digits[i];

        value = value * 16 + (c <= '9' ? c - (unsigned)'0' : (c | 32u) - 'a' + 10u);
    }
    return value;
}

static size_t utf8_len(unsigned code_point)
{
    return code_point < 0x80 ? 1 : code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
}

/* The escape sequence at pos (a backslash, no line break behind it). Returns the position behind it. */
static size_t emit_escape(struct walker *walker, size_t pos)
{
    const char *next = pos + 1 < walker->end ? walker->data + pos + 1 : "n";
    size_t digits = *next == 'x' ? 2 : *next == 'u' ? 4 : *next == 'U' ? 8 : 0;
    size_t end = pos + 2 + digits <= walker->end ? pos + 2 + digits : walker->end;
    size_t len = 1;

    if (digits && end == pos + 2 + digits)
        len = utf8_len(hex_value(walker->data + pos + 2, digits));
    else if (*next == 'N' || *next == '_')
        len = 2;
    else if (*next == 'L' || *next == 'P')
        len = 3;
    emit(walker, len, pos, end);
    return end;
}

/*
 * White space inside a flow scalar, from pos: kept where it is inside a line, folded around line breaks. escaped: a
 * backslash took the first line break away. Returns the position behind it.
 */
static size_t emit_white_space(struct walker *walker, size_t pos, bool escaped)
{
    size_t start = pos, breaks = 0;

    for (; pos < walker->end && (is_blank(walker->data[pos]) || is_break(walker->data[pos]));) {
        if (!is_break(walker->data[pos])) {
            pos++;
            continue;
        }
        pos = skip_break(walker, pos);
        breaks++;
    }
    if (!breaks && !escaped) {
        for (size_t i = start; i < pos; i++)
            emit(walker, 1, i, i + 1);
        return pos;
    }
    if (breaks == 1 && !escaped)
        emit(walker, 1, start, pos);
    for (size_t i = escaped ? 0 : 1; i < breaks; i++)
        emit(walker, 1, start, pos);
    return pos;
}

/* opening: at ' or ", or "" for a plain scalar. */
static void walk_flow(struct walker *walker, size_t pos, const char *opening)
{
    const char quote = *opening;

    while (pos < walker->end && !done(walker)) {
        char c = walker->data[pos];

        if (is_blank(c) || is_break(c)) {
            pos = emit_white_space(walker, pos, false);
        } else if (quote == '\'' && c == '\'') {
            if (pos + 1 >= walker->end || walker->data[pos + 1] != '\'')
                break;
            emit(walker, 1, pos, pos + 2);
            pos += 2;
        } else if (quote == '"' && c == '"') {
            break;
        } else if (quote == '"' && c == '\\') {
            if (pos + 1 < walker->end && is_break(walker->data[pos + 1]))
                pos = emit_white_space(walker, skip_break(walker, pos + 1), true);
            else
                pos = emit_escape(walker, pos);
        } else {
            emit(walker, 1, pos, pos + 1);
            pos++;
        }
    }
}

/* --- literal and folded --------------------------------------------------------------------------------------- */

static size_t count_spaces(const char *data, size_t pos, size_t end)
{
    size_t start = pos;

    while (pos < end && data[pos] == ' ')
        pos++;
    return pos - start;
}

static size_t end_of_line(const struct walker *walker, size_t pos)
{
    while (pos < walker->end && !is_break(walker->data[pos]))
        pos++;
    return pos;
}

/*
 * How many spaces were stripped off each line: the first line with content has them before what the decoded text begins
 * with. pos: the first line behind the header.
 */
static size_t find_indent(const struct walker *walker, size_t pos, struct str text)
{
    for (size_t i = 0; i < text.len && pos < walker->end; i++) {
        if (text.data[i] != '\n') {
            size_t source = count_spaces(walker->data, pos, walker->end);
            size_t decoded = count_spaces(text.data, i, text.len);

            return source > decoded ? source - decoded : 0;
        }
        pos = end_of_line(walker, pos);
        if (pos < walker->end)
            pos = skip_break(walker, pos);
    }
    return SIZE_MAX;
}

/* Blank lines from pos: lines of at most indent spaces. Counts their breaks; returns where the first other line begins.
 */
static size_t skip_blank_lines(const struct walker *walker, size_t pos, size_t indent, size_t *breaks)
{
    for (;;) {
        size_t at = pos, column = 0;

        while (column < indent && at < walker->end && walker->data[at] == ' ') {
            at++;
            column++;
        }
        if (at >= walker->end || !is_break(walker->data[at]))
            return pos;
        pos = skip_break(walker, at);
        ++*breaks;
    }
}

static void walk_block(struct walker *walker, size_t pos, bool folded, struct str text)
{
    size_t indent, breaks = 0, break_start = 0, lines_start;
    bool leading_break = false, leading_blank = false;

    pos = end_of_line(walker, pos);
    if (pos < walker->end)
        pos = skip_break(walker, pos);
    lines_start = pos;
    indent = find_indent(walker, pos, text);
    pos = skip_blank_lines(walker, pos, indent, &breaks);
    while (!done(walker) && pos < walker->end && count_spaces(walker->data, pos, walker->end) >= indent) {
        size_t content = pos + indent, end;
        bool blank = content < walker->end && is_blank(walker->data[content]);

        /* Folding takes the break between two lines away, unless it becomes a blank or one of the lines is indented. */
        if (leading_break && (!folded || leading_blank || blank || breaks == 0))
            emit(walker, 1, break_start, lines_start);
        for (size_t i = 0; i < breaks; i++)
            emit(walker, 1, lines_start, pos);
        leading_blank = blank;
        end = end_of_line(walker, content);
        for (size_t i = content; i < end; i++)
            emit(walker, 1, i, i + 1);
        leading_break = end < walker->end;
        break_start = end;
        lines_start = leading_break ? skip_break(walker, end) : end;
        breaks = 0;
        pos = skip_blank_lines(walker, lines_start, indent, &breaks);
    }
    if (leading_break)
        emit(walker, 1, break_start, lines_start);
    for (size_t i = 0; i < breaks; i++)
        emit(walker, 1, lines_start, pos);
}

/* --- the walk ------------------------------------------------------------------------------------------------- */

static struct span walk(const struct node *node, size_t start, size_t end)
{
    const struct source *source = node->span.source;
    struct walker walker = {
        .data = source->text.data, .wanted_first = start, .first_start = SIZE_MAX, .last_end = SIZE_MAX};
    size_t pos = node->span.start;
    const char *first = pos < node->span.end ? walker.data + pos : "";

    walker.wanted_last = end > start ? end - 1 : start;
    walker.here = pos;
    if (node->style == NODE_STYLE_BLOCK) {
        walker.end = source->text.len;
        walk_block(&walker, pos, *first == '>', node->text);
    } else {
        bool quoted = node->style == NODE_STYLE_QUOTED;

        walker.end = node->span.end;
        walker.here = quoted && pos < walker.end ? pos + 1 : pos;
        walk_flow(&walker, walker.here, quoted ? first : "");
    }
    if (walker.first_start == SIZE_MAX)
        walker.first_start = walker.here;
    if (end <= start)
        walker.last_end = walker.first_start;
    else if (walker.last_end == SIZE_MAX)
        walker.last_end = walker.here;
    return (struct span){source, (uint32_t)walker.first_start, (uint32_t)walker.last_end};
}

/* A position in a text with variables replaced, in the original's text. */
static size_t original_offset(const struct node_origin *origin, size_t offset, bool is_end)
{
    size_t moved = offset;

    for (size_t i = 0; i < origin->count; i++) {
        const struct node_splice *splice = &origin->splices[i];

        if (is_end ? offset <= splice->start : offset < splice->start)
            break;
        if (is_end ? offset <= splice->end : offset < splice->end)
            return is_end ? splice->original_end : splice->original_start;
        moved = splice->original_end + (offset - splice->end);
    }
    return moved;
}

struct span node_text_span(const struct node *node, size_t start, size_t end)
{
    if (node->kind != NODE_SCALAR || !node->span.source)
        return node->span;
    if (end > node->text.len)
        end = node->text.len;
    if (start > end)
        start = end;
    if (node->origin) {
        size_t original_end = end > start ? original_offset(node->origin, end, true) : 0;
        size_t original_start = original_offset(node->origin, start, false);

        return walk(node->origin->original, original_start, end > start ? original_end : original_start);
    }
    /* The whole value is a variable's: what is inside it stands where the variable has its value. */
    if (node->substituted_from)
        return node->span;
    return walk(node, start, end);
}
