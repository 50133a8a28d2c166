/*
 * libyaml's events made into nodes. libyaml reads YAML 1.1 and lets much pass; what invplan's language leaves out is
 * refused here, each with its place.
 */
#include "compiler/yaml.h"

#include <string.h>
#include <yaml.h>

#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/base/map.h"
#include "spec/diagnostic.h"

enum {
    SAMPLE_CODE_POINTS = 256, /* distance of the samples that turn libyaml's code points into bytes */
    MAP_MEMBERS_MIN = 16,     /* mappings of more members look their keys up in a map */
    BAD_CHARACTERS_MAX = 20,  /* reported for a file */
};

/* A collection that is being read. */
struct frame {
    struct node *node;
    struct node *key; /* a mapping's key whose value comes next */
    bool skip_value;  /* the key was refused: its value is read and left out */
    bool odd;         /* a mapping: the next node is a value */
    VEC(struct node *) items;
    VEC(struct node_member) members;
    struct map keys;
};

struct reader {
    struct arena *arena;
    const struct source *source;
    struct diag_list *diags;
    yaml_parser_t parser;
    struct str text; /* the source without a byte order mark, with '_' for characters that YAML does not allow */
    uint32_t base;   /* bytes before it */
    bool ascii;
    VEC(uint32_t) samples; /* byte offset in text of every SAMPLE_CODE_POINTS'th code point */
    struct frame stack[YAML_DEPTH_MAX];
    size_t depth;
    size_t node_count;
    struct node *root;
    VEC(struct node *) recent; /* collections closed since the last scalar: they may end too early by a syntax error */
    bool failed;               /* libyaml gave up: what is missing is no second error */
};

/* --- characters ----------------------------------------------------------------------------------------------- */

static unsigned decode(const unsigned char *text, size_t len)
{
    switch (len) {
    case 1:
        return text[0];
    case 2:
        return (text[0] & 0x1Fu) << 6 | (text[1] & 0x3Fu);
    case 3:
        return (text[0] & 0x0Fu) << 12 | (text[1] & 0x3Fu) << 6 | (text[2] & 0x3Fu);
    default:
        return (text[0] & 0x07u) << 18 | (text[1] & 0x3Fu) << 12 | (text[2] & 0x3Fu) << 6 | (text[3] & 0x3Fu);
    }
}

/* YAML's printable characters, without those that YAML 1.1 alone takes for line breaks. */
static bool is_allowed(unsigned code_point)
{
    return code_point == '\t' || code_point == '\n' || code_point == '\r' ||
           (code_point >= 0x20 && code_point <= 0x7E) ||
           (code_point >= 0xA0 && code_point <= 0xFFFD && code_point != 0x2028 && code_point != 0x2029 &&
               code_point != 0xFEFF) ||
           (code_point >= 0x10000 && code_point <= 0x10FFFF);
}

static size_t character_len(unsigned char first)
{
    return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

bool yaml_is_allowed(const char *text, unsigned *code_point, size_t *len)
{
    *len = character_len((unsigned char)*text);
    *code_point = decode((const unsigned char *)text, *len);
    return is_allowed(*code_point);
}

struct scan {
    struct reader *reader;
    char *copy; /* made when the first character has to be replaced */
    size_t bad_count;
    size_t bad_end; /* behind the last byte that was no UTF-8: those that follow it at once belong to it */
};

static void refuse_character(struct scan *scan, size_t at, size_t len, unsigned code_point, bool is_utf8)
{
    struct reader *reader = scan->reader;
    struct span span = {reader->source, reader->base + (uint32_t)at, reader->base + (uint32_t)(at + len)};
    struct diag *diag;

    if (!scan->copy)
        scan->copy = arena_strndup(reader->arena, reader->text.data, reader->text.len);
    memset(scan->copy + at, '_', len);
    if (!is_utf8 && scan->bad_count && scan->bad_end == at) {
        scan->bad_end = at + len;
        return;
    }
    if (++scan->bad_count > BAD_CHARACTERS_MAX)
        return;
    if (!is_utf8) {
        scan->bad_end = at + len;
        diag = diag_report(reader->diags, DIAG(YAML007), span, "this byte (0x%02X) is not UTF-8", code_point);
        diag_add_help(reader->diags, diag, "save the file as UTF-8");
        return;
    }
    diag = diag_report(reader->diags, DIAG(YAML008), span, "the character U+%04X cannot stand here", code_point);
    if (code_point == 0)
        diag_add_help(reader->diags, diag, "a NUL byte has no place in YAML or SQL text");
    else if (code_point == '\r')
        diag_add_help(reader->diags, diag, "lines end with a line feed");
    else
        diag_add_help(reader->diags, diag, "write it as \"\\u%04X\" in double quotes", code_point);
}

/*
 * Refuses bytes that are no UTF-8 and characters that have no place, and replaces them, so that reading can go on.
 * Fills the samples.
 */
static void scan_characters(struct reader *reader)
{
    const unsigned char *data = (const unsigned char *)reader->text.data;
    size_t len = reader->text.len, count = 0, valid_until = 0;
    struct scan scan = {.reader = reader};

    reader->ascii = true;
    for (size_t i = 0; i < len; count++) {
        size_t size = 1;
        unsigned code_point = data[i];

        if (count % SAMPLE_CODE_POINTS == 0)
            VEC_PUSH(reader->arena, &reader->samples, (uint32_t)i);
        if (code_point >= 0x80) {
            if (i >= valid_until)
                valid_until = i + utf8_invalid_at((const char *)data + i, len - i < 4096 ? len - i : 4096);
            if (i < valid_until) {
                size = character_len(data[i]);
                code_point = decode(data + i, size);
                reader->ascii = false;
            } else {
                refuse_character(&scan, i, 1, code_point, false);
                i++;
                continue;
            }
        }
        if (!is_allowed(code_point) || (code_point == '\r' && (i + 1 == len || data[i + 1] != '\n'))) {
            refuse_character(&scan, i, size, code_point, true);
            count += size - 1; /* each byte became a '_' */
        }
        i += size;
    }
    if (scan.copy) {
        /* Replacing changed the number of code points: count again, in what libyaml will see. */
        reader->text.data = scan.copy;
        reader->samples.count = 0;
        count = 0;
        for (size_t i = 0; i < len; i++)
            if (((unsigned char)scan.copy[i] & 0xC0) != 0x80 && count++ % SAMPLE_CODE_POINTS == 0)
                VEC_PUSH(reader->arena, &reader->samples, (uint32_t)i);
    }
}

/* libyaml counts code points; spans count bytes. */
static uint32_t mark_offset(const struct reader *reader, const yaml_mark_t *mark)
{
    size_t sample = mark->index / SAMPLE_CODE_POINTS, left = mark->index % SAMPLE_CODE_POINTS;
    size_t offset;

    if (reader->ascii && mark->index <= reader->text.len)
        return reader->base + (uint32_t)mark->index;
    if (sample >= reader->samples.count)
        return reader->base + (uint32_t)reader->text.len;
    for (offset = reader->samples.items[sample]; left > 0 && offset < reader->text.len; left--)
        do
            offset++;
        while (offset < reader->text.len && ((unsigned char)reader->text.data[offset] & 0xC0) == 0x80);
    return reader->base + (uint32_t)offset;
}

static struct span mark_span(const struct reader *reader, const yaml_mark_t *start, const yaml_mark_t *end)
{
    struct span span = {reader->source, mark_offset(reader, start), mark_offset(reader, end)};

    if (span.end < span.start)
        span.end = span.start;
    return span;
}

/* --- what the language leaves out ----------------------------------------------------------------------------- */

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_in_anchor(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-';
}

/* Up to white space, or to the end of an anchor: right behind one, a value that begins with ':' can stand. */
static struct span first_word(const struct reader *reader, struct span span)
{
    const char *data = reader->source->text.data;
    bool anchor = span.start < span.end && data[span.start] == '&';
    uint32_t end = span.start + anchor;

    while (end < span.end && (anchor ? is_in_anchor(data[end]) : !is_white(data[end])))
        end++;
    span.end = end;
    return span;
}

/* Anchors and tags stand before the value, with comments behind them, and belong to libyaml's mark of it: the span of
 * the value alone. */
static struct span skip_properties(const struct reader *reader, struct span span)
{
    const char *data = reader->source->text.data;

    while (span.start < span.end && (data[span.start] == '&' || data[span.start] == '!')) {
        bool comment = false;

        span.start = first_word(reader, span).end;
        for (; span.start < span.end && (comment || is_white(data[span.start]) || data[span.start] == '#'); span.start++)
            comment = data[span.start] == '#' || (comment && data[span.start] != '\n' && data[span.start] != '\r');
    }
    return span;
}

static struct span check_properties(
    struct reader *reader, struct span span, const yaml_char_t *anchor, const yaml_char_t *tag)
{
    struct diag *diag;

    if (anchor) {
        diag =
            diag_report(reader->diags, DIAG(YAML003), first_word(reader, span), "anchors are not part of the language");
        diag_add_help(reader->diags, diag, "write the value out, or make it a variable of the environment");
    }
    if (tag) {
        diag = diag_report(reader->diags, DIAG(YAML005), first_word(reader, span), "tags are not part of the language");
        diag_add_help(reader->diags, diag, "quotes make a string; everything else follows from the key");
    }
    return anchor || tag ? skip_properties(reader, span) : span;
}

/* What libyaml's words mean for somebody who writes a migration. */
static const char *syntax_help(const char *problem)
{
    static const struct {
        const char *problem;
        const char *help;
    } rows[] = {
        {"mapping values are not allowed in this context",
            "a ': ' inside a value needs quotes around the value; else look at the indentation"},
        {"found character that cannot start any token",
            "a value that begins with '@', '`', '%' or a tab needs quotes; indentation is made of spaces"},
        {"found a tab character where an indentation space is expected", "indentation is made of spaces"},
        {"found a tab character that violates indentation", "indentation is made of spaces"},
        {"could not find expected ':'", "a key needs ': ' behind it; a value of several lines needs '|' or quotes"},
        {"did not find expected key",
            "the line stands in no mapping: look at its indentation and at the quotes before it"},
        {"did not find expected '-' indicator", "the line stands in no list: look at its indentation"},
        {"did not find expected ',' or '}'",
            "a value with ',', '{', '}', '[' or ']' needs quotes inside { … }; entries are separated by ','"},
        {"did not find expected ',' or ']'",
            "a value with ',', '{', '}', '[' or ']' needs quotes inside [ … ]; entries are separated by ','"},
        {"found unexpected end of stream", "a quote, bracket or brace is never closed"},
        {"found unknown escape character", "use single quotes for a text with backslashes"},
        {"block sequence entries are not allowed in this context", "a list begins on a line of its own"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (strcmp(rows[i].problem, problem) == 0)
            return rows[i].help;
    return NULL;
}

static void report_syntax(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    const char *problem = parser->problem ? parser->problem : "cannot be read";
    uint32_t at = mark_offset(reader, &parser->problem_mark), context = mark_offset(reader, &parser->context_mark);
    bool has_context = parser->context && context != at;
    /* What is never closed is noticed at the end of the file, where nothing is to be seen. */
    bool at_end = has_context && at >= reader->source->text.len;
    uint32_t shown = at_end ? context : at;
    struct diag *diag;

    if (parser->error == YAML_MEMORY_ERROR)
        BUG("out of memory");
    reader->failed = true;
    diag = diag_report(reader->diags, DIAG(YAML001), (struct span){reader->source, shown, shown},
        "invalid YAML: %s%s%s", at_end ? parser->context : problem, at_end ? ", " : "", at_end ? problem : "");
    if (has_context && !at_end)
        diag_add_note(reader->diags, diag, (struct span){reader->source, context, context}, "%s that begins here",
            parser->context);
    if (syntax_help(problem))
        diag_add_help(reader->diags, diag, "%s", syntax_help(problem));
}

/* --- the tree ------------------------------------------------------------------------------------------------- */

static struct node *new_node(struct reader *reader, enum node_kind kind, struct span span)
{
    struct node *node = ARENA_NEW(reader->arena, struct node);

    reader->recent.count = 0;
    node->kind = kind;
    node->span = span;
    node->text = STR("");
    reader->node_count++;
    return node;
}

static const struct node *find_key(const struct frame *frame, struct str key)
{
    if (frame->keys.arena)
        return map_get(&frame->keys, key);
    for (size_t i = 0; i < frame->members.count; i++)
        if (str_equal(frame->members.items[i].key->text, key))
            return frame->members.items[i].key;
    return NULL;
}

static bool key_is_right(struct reader *reader, const struct frame *frame, const struct node *key)
{
    const struct node *first;
    struct diag *diag;

    if (key->damaged)
        return false;
    if (key->kind != NODE_SCALAR) {
        diag_report(reader->diags, DIAG(YAML011), first_word(reader, key->span),
            "a key must be a single word, not a %s", key->kind == NODE_MAPPING ? "mapping" : "list");
        return false;
    }
    if (key->text.len == 0) {
        diag_report(reader->diags, DIAG(YAML011), key->span, "the key is empty");
        return false;
    }
    if (key->style == NODE_STYLE_PLAIN && str_is(key->text, "<<")) {
        diag = diag_report(reader->diags, DIAG(YAML004), key->span, "merge keys are not part of the language");
        diag_add_help(reader->diags, diag, "write the keys out");
        return false;
    }
    first = find_key(frame, key->text);
    if (first) {
        diag = diag_report(reader->diags, DIAG(YAML002), key->span, "duplicate key '%.*s'", STR_ARG(key->text));
        diag_add_note(reader->diags, diag, first->span, "it is here already");
        return false;
    }
    return true;
}

static void add_member(struct reader *reader, struct frame *frame, struct node *value)
{
    struct node_member member = {frame->key, value};

    VEC_PUSH(reader->arena, &frame->members, member);
    if (frame->keys.arena) {
        map_put(&frame->keys, member.key->text, member.key);
    } else if (frame->members.count > MAP_MEMBERS_MIN) {
        map_init(&frame->keys, reader->arena);
        for (size_t i = 0; i < frame->members.count; i++)
            map_put(&frame->keys, frame->members.items[i].key->text, frame->members.items[i].key);
    }
}

/* A complete node, as an item, key or value of what is being read. */
static void add_node(struct reader *reader, struct node *node)
{
    struct frame *frame;

    if (reader->depth == 0) {
        reader->root = node;
        return;
    }
    frame = &reader->stack[reader->depth - 1];
    if (frame->node->kind == NODE_SEQUENCE) {
        VEC_PUSH(reader->arena, &frame->items, node);
        frame->node->has_variable |= node->has_variable;
        return;
    }
    frame->odd = !frame->odd;
    if (frame->odd) {
        frame->skip_value = !key_is_right(reader, frame, node);
        frame->node->damaged |= frame->skip_value;
        frame->key = node;
    } else if (!frame->skip_value) {
        add_member(reader, frame, node);
        frame->node->has_variable |= node->has_variable;
    }
}

static void add_scalar(struct reader *reader, const yaml_event_t *event)
{
    struct span span = mark_span(reader, &event->start_mark, &event->end_mark);
    const char *value = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;
    struct node *node;

    span = check_properties(reader, span, event->data.scalar.anchor, event->data.scalar.tag);
    node = new_node(reader, NODE_SCALAR, span);
    node->text = str_copy(reader->arena, (struct str){value, len});
    switch (event->data.scalar.style) {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE:
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
        node->style = NODE_STYLE_QUOTED;
        break;
    case YAML_LITERAL_SCALAR_STYLE:
    case YAML_FOLDED_SCALAR_STYLE:
        node->style = NODE_STYLE_BLOCK;
        while (node->span.end > node->span.start && is_white(reader->source->text.data[node->span.end - 1]))
            node->span.end--;
        break;
    default:
        node->style = NODE_STYLE_PLAIN;
        break;
    }
    if (memchr(node->text.data, '\0', len)) {
        struct diag *diag = diag_report(reader->diags, DIAG(YAML008), span, "the character U+0000 cannot stand here");

        diag_add_help(reader->diags, diag, "a NUL byte has no place in YAML or SQL text");
        node->text.len = strlen(node->text.data);
        node->damaged = true;
    }
    node->has_variable = strstr(node->text.data, "${var:") != NULL;
    add_node(reader, node);
}

static void add_alias(struct reader *reader, const yaml_event_t *event)
{
    struct node *node = new_node(reader, NODE_SCALAR, mark_span(reader, &event->start_mark, &event->end_mark));
    struct diag *diag = diag_report(reader->diags, DIAG(YAML003), node->span, "aliases are not part of the language");

    diag_add_help(reader->diags, diag, "write the value out, or make it a variable of the environment");
    node->damaged = true;
    add_node(reader, node);
}

/* False when it is nested too deep. */
static bool open_collection(struct reader *reader, enum node_kind kind, const yaml_event_t *event,
    const yaml_char_t *anchor, const yaml_char_t *tag)
{
    struct span span = mark_span(reader, &event->start_mark, &event->end_mark);

    if (anchor || tag) {
        uint32_t end = span.end;

        /* The event ends behind its properties; the value begins behind the white space that follows. */
        span.end = (uint32_t)reader->source->text.len;
        span = check_properties(reader, span, anchor, tag);
        span.end = span.start > end ? span.start : end;
    }
    if (reader->depth == YAML_DEPTH_MAX) {
        struct diag *diag =
            diag_report(reader->diags, DIAG(YAML009), span, "nested deeper than %d levels", (int)YAML_DEPTH_MAX);

        diag_add_help(reader->diags, diag, "nothing in the language needs that depth");
        return false;
    }
    reader->stack[reader->depth++] = (struct frame){.node = new_node(reader, kind, span)};
    return true;
}

/* end: behind a flow collection's bracket. A block collection ends where its last value ends. */
static void close_collection(struct reader *reader, uint32_t end)
{
    struct frame *frame = &reader->stack[--reader->depth];
    struct node *node = frame->node;
    bool flow = node->span.start < reader->source->text.len &&
                strchr("[{", reader->source->text.data[node->span.start]) != NULL;

    if (node->kind == NODE_SEQUENCE) {
        node->items = frame->items.items;
        node->count = frame->items.count;
    } else {
        node->members = frame->members.items;
        node->count = frame->members.count;
    }
    if (flow)
        node->span.end = end;
    else if (node->kind == NODE_SEQUENCE && node->count)
        node->span.end = node->items[node->count - 1]->span.end;
    else if (node->kind == NODE_MAPPING && node->count)
        node->span.end = node->members[node->count - 1].value->span.end;
    VEC_PUSH(reader->arena, &reader->recent, node);
    add_node(reader, node);
}

/* --- events --------------------------------------------------------------------------------------------------- */

static bool check_document(struct reader *reader, const yaml_event_t *event)
{
    struct span span = mark_span(reader, &event->start_mark, &event->end_mark);
    struct diag *diag;

    if (reader->root) {
        diag = diag_report(reader->diags, DIAG(YAML006), first_word(reader, span), "a second document begins here");
        diag_add_help(reader->diags, diag, "a file holds one document: use `include` for several files");
        return false;
    }
    if (event->data.document_start.tag_directives.start != event->data.document_start.tag_directives.end)
        diag_report(reader->diags, DIAG(YAML005), first_word(reader, span), "tags are not part of the language");
    return true;
}

/* False when there is nothing more to read. */
static bool take_event(struct reader *reader, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return check_document(reader, event);
    case YAML_SCALAR_EVENT:
        add_scalar(reader, event);
        break;
    case YAML_ALIAS_EVENT:
        add_alias(reader, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        return open_collection(
            reader, NODE_SEQUENCE, event, event->data.sequence_start.anchor, event->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return open_collection(
            reader, NODE_MAPPING, event, event->data.mapping_start.anchor, event->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        close_collection(reader, mark_offset(reader, &event->end_mark));
        break;
    default:
        break;
    }
    if (reader->node_count > YAML_NODES_MAX) {
        diag_report(reader->diags, DIAG(YAML010), mark_span(reader, &event->start_mark, &event->end_mark),
            "the file has more than %d values", (int)YAML_NODES_MAX);
        return false;
    }
    return event->type != YAML_STREAM_END_EVENT;
}

static void read_events(struct reader *reader)
{
    bool more = true;

    while (more) {
        yaml_event_t event;

        if (!yaml_parser_parse(&reader->parser, &event)) {
            report_syntax(reader);
            for (size_t i = 0; i < reader->recent.count; i++)
                reader->recent.items[i]->damaged = true;
            break;
        }
        more = take_event(reader, &event);
        yaml_event_delete(&event);
    }
    /* What was cut short is closed, so that what it holds so far can be judged. */
    while (reader->depth > 0) {
        reader->stack[reader->depth - 1].node->damaged = true;
        close_collection(reader, (uint32_t)reader->source->text.len);
    }
}

struct node *yaml_read(struct arena *arena, const struct source *source, struct diag_list *diags)
{
    struct reader *reader = ARENA_NEW(arena, struct reader);

    reader->arena = arena;
    reader->source = source;
    reader->diags = diags;
    if (source->text.len > YAML_SIZE_MAX_BYTES) {
        diag_report(diags, DIAG(YAML010), (struct span){source, 0, 0}, "the file has more than %d MB",
            (int)(YAML_SIZE_MAX_BYTES / 1024 / 1024));
        return NULL;
    }
    reader->text = source->text;
    if (str_starts_with(reader->text, "\xEF\xBB\xBF")) {
        reader->base = 3;
        reader->text.data += 3;
        reader->text.len -= 3;
    }
    scan_characters(reader);
    if (!yaml_parser_initialize(&reader->parser))
        BUG("out of memory");
    yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader->parser, (const unsigned char *)reader->text.data, reader->text.len);
    read_events(reader);
    yaml_parser_delete(&reader->parser);
    if (!reader->root || (node_is_null(reader->root) && !reader->root->damaged)) {
        if (!reader->failed)
            diag_report(diags, DIAG(YAML012), (struct span){source, 0, 0}, "the file is empty");
        return NULL;
    }
    return reader->root;
}
