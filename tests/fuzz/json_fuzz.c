/* The strict JSON reader on arbitrary bytes: what is read and written is read again as the same value. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "spec/base/arena.h"
#include "spec/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct str text, enum json_option option)
{
    struct arena arena = ARENA_INIT;
    struct json_error error;
    const struct json *value = json_read(&arena, text, option, &error), *again;
    struct strbuf out = STRBUF_INIT;

    if (value) {
        json_write(&out, value);
        again = json_read(&arena, strbuf_view(&out), option, &error);
        if (!again || (!(option & JSON_ALLOW_DUPLICATES) && !json_equal(value, again)))
            abort();
        json_write_pretty(&out, json_clone(&arena, value));
    } else if (error.offset > text.len || error.line == 0 || error.column == 0) {
        abort();
    }
    strbuf_free(&out);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {size ? (const char *)data : "", size};

    check(text, JSON_STRICT);
    check(text, JSON_ALLOW_NUL | JSON_ALLOW_DUPLICATES);
    return 0;
}
