/*
 * Runs the strict JSON reader over nst/JSONTestSuite: json_runner FOLDER, one TAP line a file. Files are named y_ (must
 * be accepted), n_ (must be refused) and i_ (free: what this reader does is listed below, so that a change is noticed).
 * docs/plan-format.md states the same list.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/json.h"

/* Files that RFC 8259 allows and that a plan may not use: read with JSON_STRICT these are refused, with this message. */
static const struct {
    const char *name;
    const char *message;
} stricter[] = {
    {"y_object_duplicated_key.json", "key 'a' is there twice"},
    {"y_object_duplicated_key_and_value.json", "key 'a' is there twice"},
    {"y_object_escaped_null_in_key.json", "\\u0000 is not allowed in a string"},
    {"y_string_null_escape.json", "\\u0000 is not allowed in a string"},
};

/* Of the free files these are accepted: numbers keep their text, however large. All others are refused. */
static const char *const accepted_free[] = {
    "i_number_double_huge_neg_exp.json",
    "i_number_huge_exp.json",
    "i_number_neg_int_huge_exp.json",
    "i_number_pos_double_huge_exp.json",
    "i_number_real_neg_overflow.json",
    "i_number_real_pos_overflow.json",
    "i_number_real_underflow.json",
    "i_number_too_big_neg_int.json",
    "i_number_too_big_pos_int.json",
    "i_number_very_big_negative_int.json",
};

enum { FILE_MAX_BYTES = 4 * 1024 * 1024 };

static bool read_file(struct arena *arena, const char *folder, const char *name, struct str *out)
{
    const char *path = arena_printf(arena, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    char *data = arena_alloc(arena, FILE_MAX_BYTES);
    size_t len;

    if (!file) {
        printf("# %s: %s\n", path, strerror(errno));
        return false;
    }
    len = fread(data, 1, FILE_MAX_BYTES, file);
    fclose(file);
    *out = (struct str){data, len};
    return len < FILE_MAX_BYTES;
}

/* "" where the reader accepts, else its message. */
static const char *outcome(struct arena *arena, struct str text, enum json_option option)
{
    struct json_error error = {0};

    return json_read(arena, text, option, &error) ? "" : arena_strdup(arena, error.message);
}

static bool is_accepted_free(const char *name)
{
    for (size_t i = 0; i < sizeof(accepted_free) / sizeof(accepted_free[0]); i++)
        if (strcmp(accepted_free[i], name) == 0)
            return true;
    return false;
}

static bool check_must_accept(struct arena *arena, const char *name, struct str text)
{
    const char *wanted = "";

    for (size_t i = 0; i < sizeof(stricter) / sizeof(stricter[0]); i++)
        if (strcmp(stricter[i].name, name) == 0)
            wanted = stricter[i].message;
    return strcmp(outcome(arena, text, JSON_STRICT), wanted) == 0 &&
           outcome(arena, text, JSON_ALLOW_NUL | JSON_ALLOW_DUPLICATES)[0] == '\0';
}

static bool check_must_refuse(struct arena *arena, struct str text)
{
    return outcome(arena, text, JSON_STRICT)[0] != '\0' &&
           outcome(arena, text, JSON_ALLOW_NUL | JSON_ALLOW_DUPLICATES)[0] != '\0';
}

static bool check_file(const char *folder, const char *name)
{
    struct arena arena = ARENA_INIT;
    struct str text;
    bool passed = false;

    if (read_file(&arena, folder, name, &text)) {
        if (name[0] == 'y')
            passed = check_must_accept(&arena, name, text);
        else if (name[0] == 'n')
            passed = check_must_refuse(&arena, text);
        else
            passed = (outcome(&arena, text, JSON_STRICT)[0] == '\0') == is_accepted_free(name);
        if (!passed)
            printf("# strict reader: %s\n", outcome(&arena, text, JSON_STRICT));
    }
    arena_free(&arena);
    return passed;
}

static int is_case(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return len > 7 && strchr("yni", entry->d_name[0]) && entry->d_name[1] == '_' &&
           strcmp(entry->d_name + len - 5, ".json") == 0;
}

int main(int argc, char **argv)
{
    struct dirent **entries;
    int count, failed = 0;

    if (argc != 2) {
        fprintf(stderr, "usage: json_runner FOLDER\n");
        return 2;
    }
    count = scandir(argv[1], &entries, is_case, alphasort);
    if (count <= 0) {
        printf("Bail out! no test files in %s\n", argv[1]);
        return 2;
    }
    printf("1..%d\n", count);
    for (int i = 0; i < count; i++) {
        bool passed = check_file(argv[1], entries[i]->d_name);

        failed += !passed;
        printf("%s %d - %s\n", passed ? "ok" : "not ok", i + 1, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return failed > 0;
}
