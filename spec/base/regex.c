#define PCRE2_CODE_UNIT_WIDTH 8

#include "spec/base/regex.h"

#include <pcre2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/base/regex_dialect.h"

/*
 * PCRE2 goes back and tries again, and its own limit of work counts anew from each place where a match may start, so
 * that it bounds nothing in a long subject. Nor does it see the characters that one item runs over: [a-z]+\d on 400 KB
 * of letters is 80 billion of them, and no count. So the pattern is compiled with a callout before each item, and the
 * callout counts: the item itself, and the way that the search went since the last one.
 */
enum {
    STEPS_PER_UNIT = 64, /* a step is about 2 ns */
    CALLOUT_STEPS = 16,
    SEARCH_UNITS = 4, /* what each search takes, whatever it finds */
    CLASS_ITEM_STEPS = 2,
    CLASS_ITEM_MIN_BYTES = 3,  /* of compiled code */
    FRAME_BYTES_PER_STEP = 32, /* PCRE2 copies a frame to remember a place to go back to */

    PARENS_LIMIT = 100,
    HEAP_LIMIT_KIB = 32 * 1024,
    DEPTH_LIMIT = 250000,

    KEPT_STEPS_MAX = 100000, /* of a search after which its memory is kept: a frame takes a dozen steps at least */
};

struct regex {
    const pcre2_code *code;
    bool references;
    uint64_t repeat_min;
    uint64_t item_steps;      /* of an item, whether it fits or not */
    uint64_t character_steps; /* of a character that it runs over */
};

static void *allocate(PCRE2_SIZE size_bytes, void *arena)
{
    return arena_alloc(arena, size_bytes);
}

static void leave_to_the_arena(void *memory, void *arena)
{
    (void)memory;
    (void)arena;
}

static uint32_t compile_options(enum regex_flavour flavour, const struct regex_traits *traits)
{
    uint32_t options = PCRE2_UTF | PCRE2_AUTO_CALLOUT | PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_CIRCUMFLEX |
                       PCRE2_NEVER_BACKSLASH_C | PCRE2_MATCH_INVALID_UTF;

    if (flavour == REGEX_FLAVOUR_ECMA)
        options |= PCRE2_ALLOW_EMPTY_CLASS | PCRE2_MATCH_UNSET_BACKREF;
    if (!traits->references)
        options |= PCRE2_NO_AUTO_CAPTURE; /* groups that nobody refers to make frames large */
    if (traits->ignores_case)
        options |= PCRE2_NO_START_OPTIMIZE; /* in 10.42 it looks through the rest of the subject from each place */
    return options;
}

static pcre2_code *compile(struct arena *arena, struct str pattern, enum regex_flavour flavour,
    struct regex_traits *traits, struct regex_error *error)
{
    pcre2_general_context *general = pcre2_general_context_create(allocate, leave_to_the_arena, arena);
    pcre2_compile_context *context = pcre2_compile_context_create(general);
    char *text = arena_strndup(arena, pattern.data, pattern.len);
    PCRE2_SIZE offset = 0;
    int status = 0;
    pcre2_code *code;

    if (!regex_dialect_check(text, pattern.len, flavour, traits, error))
        return NULL;
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_set_parens_nest_limit(context, PARENS_LIMIT);
    if (flavour == REGEX_FLAVOUR_ECMA)
        pcre2_set_compile_extra_options(context, PCRE2_EXTRA_ALT_BSUX); /* \u0041 and \u{41} as in ECMA-262 */
    code = pcre2_compile((PCRE2_SPTR)text, pattern.len, compile_options(flavour, traits), &status, &offset, context);
    if (!code) {
        error->offset = offset;
        pcre2_get_error_message(status, (PCRE2_UCHAR *)error->message, sizeof(error->message));
    }
    return code;
}

static size_t info(const pcre2_code *code, uint32_t what)
{
    size_t value = 0;

    if (pcre2_pattern_info(code, what, &value) != 0)
        BUG("pcre2_pattern_info(%u)", (unsigned)what);
    return value;
}

/* What a class has beyond ASCII is a list that is gone through for each character. */
static uint64_t character_steps(const pcre2_code *code, const struct regex_traits *traits)
{
    uint64_t items_max = info(code, PCRE2_INFO_SIZE) / CLASS_ITEM_MIN_BYTES;

    return 1 + CLASS_ITEM_STEPS * (traits->class_items < items_max ? traits->class_items : items_max);
}

struct regex *regex_compile(
    struct arena *arena, struct str pattern, enum regex_flavour flavour, struct regex_error *error)
{
    struct regex_traits traits;
    struct regex *regex;

    memset(error, 0, sizeof(*error));
    if (pattern.len > REGEX_PATTERN_MAX_BYTES) {
        snprintf(error->message, sizeof(error->message), "the pattern has more than %d bytes", REGEX_PATTERN_MAX_BYTES);
        return NULL;
    }
    error->offset = utf8_invalid_at(pattern.data, pattern.len);
    if (error->offset != pattern.len) {
        snprintf(error->message, sizeof(error->message), "the pattern is not UTF-8 here");
        return NULL;
    }
    error->offset = 0;
    regex = ARENA_NEW(arena, struct regex);
    regex->code = compile(arena, pattern, flavour, &traits, error);
    if (!regex->code)
        return NULL;
    regex->references = traits.references;
    regex->repeat_min = traits.repeat_min;
    regex->character_steps = character_steps(regex->code, &traits);
    /* x{n} may run over n - 1 characters and fail, or over a look behind's, without coming to another item. */
    regex->item_steps = CALLOUT_STEPS + info(regex->code, PCRE2_INFO_FRAMESIZE) / FRAME_BYTES_PER_STEP +
                        (1 + regex->repeat_min) * regex->character_steps + traits.repeat_room;
    return regex;
}

uint64_t regex_compile_work(struct str pattern)
{
    return 100 + 10 * (uint64_t)pattern.len;
}

struct search {
    const struct regex *regex;
    uint64_t steps_left;
    size_t position; /* of the last callout, in the subject */
};

/* A reference may compare all of its group and fail. */
static uint64_t longest_group(const pcre2_callout_block *at)
{
    size_t longest = 0;

    for (uint32_t i = 1; i < at->capture_top; i++) {
        size_t start = at->offset_vector[2 * i], end = at->offset_vector[2 * i + 1];

        if (start != PCRE2_UNSET && end > start && end - start > longest)
            longest = end - start;
    }
    return longest;
}

static int count_item(pcre2_callout_block *at, void *data)
{
    struct search *search = data;
    const struct regex *regex = search->regex;
    size_t position = at->current_position;
    uint64_t steps = regex->item_steps;

    if (position >= search->position)
        steps += (position - search->position) * regex->character_steps;
    else
        steps += search->position - position; /* back to a place is free, a look behind goes character by character */
    if (regex->references)
        steps += longest_group(at) * (1 + regex->repeat_min);
    search->position = position;
    if (steps > search->steps_left)
        return PCRE2_ERROR_CALLOUT;
    search->steps_left -= steps;
    return 0;
}

/*
 * What PCRE2 needs for a search, kept from one to the next: most take less time than making it anew. Where a search went
 * back so often that it took much memory, that is given back.
 */
static struct {
    pcre2_match_data *data;
    pcre2_match_context *context;
} kept;

static void keep_for_matching(void)
{
    if (!kept.data)
        kept.data = pcre2_match_data_create(1, NULL);
    if (!kept.context)
        kept.context = pcre2_match_context_create(NULL);
    if (!kept.data || !kept.context)
        BUG("out of memory");
    pcre2_set_depth_limit(kept.context, DEPTH_LIMIT);
    pcre2_set_heap_limit(kept.context, HEAP_LIMIT_KIB);
}

static int match(struct search *search, struct str subject)
{
    uint64_t steps = search->steps_left;
    int status;

    keep_for_matching();
    pcre2_set_callout(kept.context, count_item, search);
    /* In case that PCRE2 ever goes back and tries again without coming to an item. */
    pcre2_set_match_limit(kept.context, steps < UINT32_MAX ? (uint32_t)steps : UINT32_MAX);
    status = pcre2_match(search->regex->code, (PCRE2_SPTR)(subject.len ? subject.data : ""), subject.len, 0, 0,
        kept.data, kept.context);
    if (steps - search->steps_left > KEPT_STEPS_MAX) {
        pcre2_match_data_free(kept.data);
        kept.data = NULL;
    }
    return status;
}

enum regex_result regex_search(const struct regex *regex, struct str subject, uint64_t *work)
{
    uint64_t units = SEARCH_UNITS + subject.len / STEPS_PER_UNIT;
    struct search search = {.regex = regex};
    int status;

    if (units > *work) {
        *work = 0;
        return REGEX_LIMIT;
    }
    *work -= units;
    search.steps_left = *work < UINT64_MAX / STEPS_PER_UNIT ? *work * STEPS_PER_UNIT : UINT64_MAX;
    status = match(&search, subject);
    if (status == PCRE2_ERROR_NOMEMORY)
        BUG("out of memory");
    *work = status == PCRE2_ERROR_CALLOUT || status == PCRE2_ERROR_MATCHLIMIT ? 0 : search.steps_left / STEPS_PER_UNIT;
    if (status >= 0)
        return REGEX_MATCH;
    return status == PCRE2_ERROR_NOMATCH ? REGEX_NO_MATCH : REGEX_LIMIT;
}
