#include "compiler/reference.h"

#include <string.h>

static const struct {
    const char *name;
    enum reference_kind kind;
} kinds[] = {{"var", REFERENCE_VAR}, {"env", REFERENCE_ENV}, {"secret", REFERENCE_SECRET}};

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_name(struct str name, const char *also)
{
    if (name.len == 0 || (name.data[0] >= '0' && name.data[0] <= '9'))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!is_name_char(name.data[i]) && (i == 0 || !strchr(also, name.data[i])))
            return false;
    return true;
}

static bool is_secret_id(struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!is_name_char(name.data[i]) && !strchr(":/+=.@-", name.data[i]))
            return false;
    return name.len > 0;
}

/* kind and inside are known: splits the inside and looks whether it is right. */
static void judge(struct reference *reference, struct str inside)
{
    const char *hash;

    reference->name = inside;
    switch (reference->kind) {
    case REFERENCE_VAR:
        if (!is_name(inside, ".-")) {
            reference->problem = "names no variable";
            reference->help = "write ${var:NAME}, NAME being letters, digits and '_'";
        }
        break;
    case REFERENCE_ENV:
        if (!is_name(inside, "")) {
            reference->problem = "names no environment variable";
            reference->help = "write ${env:NAME}, NAME being letters, digits and '_'";
        }
        break;
    case REFERENCE_SECRET:
        hash = memchr(inside.data, '#', inside.len);
        if (hash) {
            reference->name.len = (size_t)(hash - inside.data);
            reference->field = (struct str){hash + 1, inside.len - reference->name.len - 1};
        }
        if (!is_secret_id(reference->name) || !is_name(reference->field, "-")) {
            reference->problem = "names no field of a secret";
            reference->help = "write ${secret:ARN#FIELD}";
        }
        break;
    }
}

bool reference_next(struct str text, size_t *position, struct reference *out)
{
    for (size_t i = *position; i + 2 < text.len; i++) {
        size_t word = i + 2, end;
        struct str kind;
        const char *brace;
        bool known = false;

        if (text.data[i] != '$' || text.data[i + 1] != '{')
            continue;
        for (end = word; end < text.len && text.data[end] >= 'a' && text.data[end] <= 'z'; end++)
            ;
        kind = (struct str){text.data + word, end - word};
        *out = (struct reference){.start = i, .end = end};
        for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds) && !known; k++) {
            known = str_is(kind, kinds[k].name);
            out->kind = kinds[k].kind;
        }
        if (!known && (kind.len == 0 || end == text.len || text.data[end] != ':'))
            continue;
        brace = memchr(text.data + end, '}', text.len - end);
        out->end = brace ? (size_t)(brace - text.data) + 1 : end;
        if (!known) {
            if (!brace)
                continue;
            out->problem = "is of no kind that there is";
            out->help = "there are ${var:NAME}, ${env:NAME} and ${secret:ARN#FIELD}";
        } else if (!brace) {
            out->problem = "is never closed";
            out->help = "a '}' ends it";
        } else if (text.data[end] != ':') {
            out->problem = "has no ':' behind its kind";
            out->help = "write ${var:NAME}, ${env:NAME} or ${secret:ARN#FIELD}";
        } else {
            judge(out, (struct str){text.data + end + 1, out->end - end - 2});
        }
        *position = out->end;
        return true;
    }
    *position = text.len;
    return false;
}

bool reference_is_variable(struct str text, struct reference *out)
{
    size_t position = 0;

    return str_starts_with(text, "${var:") && reference_next(text, &position, out) && out->kind == REFERENCE_VAR &&
           !out->problem && out->start == 0 && out->end == text.len;
}
