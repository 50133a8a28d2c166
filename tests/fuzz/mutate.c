/*
 * Mutations of texts for libFuzzer, beside its own of bytes: words, runs of words, lines and statements of a text
 * change place or come from another text of the corpus. What all targets read is made of such tokens, and a random byte
 * seldom makes another one.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data, size_t size, const uint8_t *other, size_t other_size,
    uint8_t *out, size_t max_size, unsigned int seed);

enum { TOKENS_MAX = 20000, QUOTED_MAX_BYTES = 200, RUN_MAX = 8, EDITS_MAX = 3 };

enum token_kind { TOKEN_WORD, TOKEN_NUMBER, TOKEN_QUOTED, TOKEN_PUNCTUATION, TOKEN_NEWLINE, TOKEN_BLANK };

struct token {
    size_t start, end;
    enum token_kind kind;
};

struct text {
    const uint8_t *data;
    size_t size;
    size_t count; /* of tokens; what comes behind TOKENS_MAX has none */
    struct token tokens[TOKENS_MAX];
};

/* A part of a text, in bytes. */
struct part {
    size_t start, end;
};

static uint32_t state;

static size_t below(size_t limit)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return limit ? state % limit : 0;
}

static void seed_with(unsigned int seed)
{
    state = (uint32_t)seed * 2654435761u + 1;
    below(1);
}

static bool is_word(uint8_t c)
{
    return isalnum(c) || c == '_' || c >= 0x80;
}

static size_t token_end(const struct text *text, size_t at, enum token_kind *kind)
{
    const uint8_t *data = text->data;
    size_t end = at + 1, size = text->size;

    if (is_word(data[at])) {
        *kind = isdigit(data[at]) ? TOKEN_NUMBER : TOKEN_WORD;
        while (end < size && (is_word(data[end]) || (*kind == TOKEN_NUMBER && data[end] == '.')))
            end++;
    } else if (data[at] == '\n' || data[at] == ' ') { /* a line's indentation goes with its beginning */
        *kind = data[at] == '\n' ? TOKEN_NEWLINE : TOKEN_BLANK;
        while (end < size && data[end] == ' ')
            end++;
    } else {
        *kind = TOKEN_PUNCTUATION;
        if (data[at] != '\'' && data[at] != '"')
            return end;
        while (end < size && end - at < QUOTED_MAX_BYTES && data[end] != data[at] && data[end] != '\n')
            end++;
        if (end == size || data[end] != data[at])
            return at + 1;
        *kind = TOKEN_QUOTED;
        end++;
    }
    return end;
}

static void split(struct text *text, const uint8_t *data, size_t size)
{
    text->data = data;
    text->size = size;
    text->count = 0;
    for (size_t at = 0; at < size && text->count < TOKENS_MAX; text->count++) {
        struct token *token = &text->tokens[text->count];

        token->start = at;
        at = token->end = token_end(text, at, &token->kind);
    }
}

static struct part part_of_run(const struct text *text, size_t first, size_t count)
{
    size_t last = count < text->count - first ? first + count : text->count;
    size_t start = text->tokens[first].start;

    return (struct part){start, last > first ? text->tokens[last - 1].end : start};
}

/* The line, statement or list item around a token, with what ends it. */
static struct part part_between(const struct text *text, size_t at, uint8_t separator)
{
    size_t first = at, last = at;

    while (first > 0 && text->data[text->tokens[first - 1].start] != separator)
        first--;
    while (last + 1 < text->count && text->data[text->tokens[last].start] != separator)
        last++;
    return part_of_run(text, first, last - first + 1);
}

static size_t find_kind(const struct text *text, enum token_kind kind)
{
    size_t at = below(text->count);

    for (size_t i = 0; i < text->count && text->tokens[at].kind != kind; i++)
        at = (at + 1) % text->count;
    return at;
}

static void choose(const struct text *text, const struct text *other, struct part *old, struct part *new)
{
    static const char separators[] = {'\n', ';', ';', ','};
    size_t at = below(text->count), from = below(other->count);
    uint8_t separator = (uint8_t)separators[below(sizeof(separators))];

    switch (below(text == other ? 3 : 4)) {
    case 0: /* a run by a run, also an empty one */
        *old = part_of_run(text, at, below(RUN_MAX));
        *new = part_of_run(other, from, below(RUN_MAX));
        return;
    case 1: /* a piece more, or in place of another, or one less */
        *old = part_between(text, at, separator);
        *new = part_between(other, from, separator);
        if (below(2))
            old->end = old->start;
        else if (below(3) == 0)
            new->end = new->start;
        return;
    case 2: /* a token by one of its kind */
        for (size_t i = 0; i < RUN_MAX && text->tokens[at].kind >= TOKEN_NEWLINE; i++)
            at = (at + 1) % text->count;
        *old = part_of_run(text, at, 1);
        *new = part_of_run(other, find_kind(other, text->tokens[at].kind), 1);
        return;
    default: /* all of the other, before or behind */
        old->start = old->end = below(2) ? text->size : 0;
        *new = (struct part){0, other->size};
    }
}

/* data in place of text; other may be text itself. */
static size_t edit(uint8_t *data, size_t size, size_t max_size, struct text *text, const struct text *other)
{
    struct part old, new;
    size_t new_size, rest;
    uint8_t *copy;

    split(text, data, size);
    if (text->count == 0 || other->count == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    choose(text, other, &old, &new);
    new_size = new.end - new.start;
    rest = size - old.end;
    if (old.start + new_size + rest > max_size)
        return size;
    copy = malloc(new_size + 1); /* it can be a part of data */
    if (!copy)
        abort();
    memcpy(copy, other->data + new.start, new_size);
    memmove(data + old.start + new_size, data + old.end, rest);
    memcpy(data + old.start, copy, new_size);
    free(copy);
    return old.start + new_size + rest;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    static struct text text;

    seed_with(seed);
    if (below(2))
        return LLVMFuzzerMutate(data, size, max_size);
    for (size_t left = 1 + below(EDITS_MAX); left > 0; left--)
        size = edit(data, size, max_size, &text, &text);
    return size;
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *data, size_t size, const uint8_t *other, size_t other_size,
    uint8_t *out, size_t max_size, unsigned int seed)
{
    static struct text text, from;

    seed_with(seed);
    if (size > max_size)
        size = max_size;
    memcpy(out, data, size);
    split(&from, other, other_size);
    for (size_t left = 1 + below(EDITS_MAX); left > 0; left--)
        size = edit(out, size, max_size, &text, &from);
    return size;
}
