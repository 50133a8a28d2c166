/* Differences between two texts, word by word: the longest common subsequence by dynamic programming. */
#include <string.h>

#include "compiler/diff.h"

enum { CELLS_MAX = 4 * 1000 * 1000 };

struct words {
    VEC(struct str) items;
};

static bool is_word(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static bool is_blank(unsigned char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* Words, runs of blanks, and every other byte by itself. */
static void split(struct arena *arena, struct str text, struct words *out)
{
    for (size_t i = 0, end; i < text.len; i = end) {
        bool (*in_run)(unsigned char) = is_word((unsigned char)text.data[i])    ? is_word
                                        : is_blank((unsigned char)text.data[i]) ? is_blank
                                                                                : NULL;

        end = i + 1;
        while (in_run && end < text.len && in_run((unsigned char)text.data[end]))
            end++;
        VEC_PUSH(arena, &out->items, ((struct str){text.data + i, end - i}));
    }
}

/* Words a[from..to) as one run; joined with the run before where that is of the same kind. */
static void emit(struct arena *arena, struct diff_words *out, enum diff_word_kind kind, const struct words *words,
    size_t from, size_t to)
{
    size_t count = out->items.count;
    const char *start, *end;

    if (from == to)
        return;
    start = words->items.items[from].data;
    end = words->items.items[to - 1].data + words->items.items[to - 1].len;
    if (count && out->items.items[count - 1].kind == kind)
        out->items.items[count - 1].text.len = (size_t)(end - out->items.items[count - 1].text.data);
    else
        VEC_PUSH(arena, &out->items, ((struct diff_word){kind, {start, (size_t)(end - start)}}));
}

struct range {
    size_t from_a, to_a, from_b, to_b;
};

/* lengths[i][j]: of the longest common subsequence of a[i..) and b[j..) inside the range. */
static void compare(struct arena *arena, const struct words *a, const struct words *b, struct range r,
    struct diff_words *out)
{
    size_t n = r.to_a - r.from_a, m = r.to_b - r.from_b, width = m + 1, i = 0, j = 0;
    const struct str *left = a->items.items + r.from_a, *right = b->items.items + r.from_b;
    uint32_t *lengths = ARENA_ARRAY(arena, uint32_t, (n + 1) * width);

    for (size_t x = n; x-- > 0;)
        for (size_t y = m; y-- > 0;) {
            uint32_t down = lengths[(x + 1) * width + y], across = lengths[x * width + y + 1];

            lengths[x * width + y] = str_equal(left[x], right[y]) ? lengths[(x + 1) * width + y + 1] + 1
                                     : down > across              ? down
                                                                  : across;
        }
    while (i < n && j < m) {
        if (str_equal(left[i], right[j])) {
            emit(arena, out, DIFF_WORD_SAME, b, r.from_b + j, r.from_b + j + 1);
            i++;
            j++;
        } else if (lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]) {
            emit(arena, out, DIFF_WORD_REMOVED, a, r.from_a + i, r.from_a + i + 1);
            i++;
        } else {
            emit(arena, out, DIFF_WORD_ADDED, b, r.from_b + j, r.from_b + j + 1);
            j++;
        }
    }
    emit(arena, out, DIFF_WORD_REMOVED, a, r.from_a + i, r.to_a);
    emit(arena, out, DIFF_WORD_ADDED, b, r.from_b + j, r.to_b);
}

void diff_words(struct arena *arena, struct str before, struct str after, struct diff_words *out)
{
    struct words a = {0}, b = {0};
    struct range r;

    split(arena, before, &a);
    split(arena, after, &b);
    r = (struct range){0, a.items.count, 0, b.items.count};
    while (r.from_a < r.to_a && r.from_b < r.to_b && str_equal(a.items.items[r.from_a], b.items.items[r.from_b])) {
        r.from_a++;
        r.from_b++;
    }
    while (r.from_a < r.to_a && r.from_b < r.to_b && str_equal(a.items.items[r.to_a - 1], b.items.items[r.to_b - 1])) {
        r.to_a--;
        r.to_b--;
    }
    emit(arena, out, DIFF_WORD_SAME, &b, 0, r.from_b);
    if (r.from_a == r.to_a || r.from_b == r.to_b || (r.to_a - r.from_a + 1) > CELLS_MAX / (r.to_b - r.from_b + 1)) {
        emit(arena, out, DIFF_WORD_REMOVED, &a, r.from_a, r.to_a);
        emit(arena, out, DIFF_WORD_ADDED, &b, r.from_b, r.to_b);
    } else {
        compare(arena, &a, &b, r, out);
    }
    emit(arena, out, DIFF_WORD_SAME, &b, r.to_b, b.items.count);
}
