/* Which fields a condition looks at, read off its text. */
#include "spec/event/upcast_op.h"

static bool is_name_byte(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

static bool is_letter(struct str text, size_t i, char lower)
{
    return i < text.len && (text.data[i] | 0x20) == lower;
}

/* Behind a string literal whose quote stands at i. In a raw one (r'', br'', rb'') a backslash is a character. */
static size_t skip_string(struct str text, size_t i)
{
    char quote = text.data[i];
    size_t quotes = i + 2 < text.len && text.data[i + 1] == quote && text.data[i + 2] == quote ? 3 : 1;
    bool raw =
        i && (is_letter(text, i - 1, 'r') || (i > 1 && is_letter(text, i - 1, 'b') && is_letter(text, i - 2, 'r')));

    for (i += quotes; i < text.len; i++) {
        if (text.data[i] == '\\' && !raw) {
            i++;
        } else if (text.data[i] == quote &&
                   (quotes == 1 || (i + 2 < text.len && text.data[i + 1] == quote && text.data[i + 2] == quote))) {
            return i + quotes;
        }
    }
    return text.len;
}

static struct str name_at(struct str text, size_t i)
{
    size_t end = i;

    while (end < text.len && is_name_byte(text.data[end], end == i))
        end++;
    return (struct str){text.data + i, end - i};
}

static size_t skip_blanks(struct str text, size_t i)
{
    while (
        i < text.len && (text.data[i] == ' ' || text.data[i] == '\n' || text.data[i] == '\t' || text.data[i] == '\r'))
        i++;
    return i;
}

/* May the variable's field be read before and after the operator with the same result? */
static bool field_stays(const struct upcast_condition_view *view, struct str variable, struct str field)
{
    if (!field.len)
        return false;
    if (str_is(variable, "meta"))
        return str_is(field, "stream") || str_is(field, "sequence");
    if (view->is_item && str_is(variable, "event"))
        return !str_equal(field, view->list);
    return !upcast_names_has(view->touched, field);
}

bool upcast_condition_stays(struct str text, const struct upcast_condition_view *view)
{
    char previous = 0;

    for (size_t i = skip_blanks(text, 0); i < text.len; i = skip_blanks(text, i)) {
        struct str name = name_at(text, i);

        if (text.data[i] == '`' || (text.data[i] == '/' && i + 1 < text.len && text.data[i + 1] == '/'))
            return false;
        if (text.data[i] == '"' || text.data[i] == '\'') {
            previous = text.data[i];
            i = skip_string(text, i);
            continue;
        }
        if (name.len && previous != '.' && (str_is(name, "event") || str_is(name, "item") || str_is(name, "meta"))) {
            size_t dot = skip_blanks(text, i + name.len);
            size_t field = dot < text.len && text.data[dot] == '.' ? skip_blanks(text, dot + 1) : text.len;

            if (!field_stays(view, name, name_at(text, field)))
                return false;
        }
        previous = name.len ? name.data[name.len - 1] : text.data[i];
        i += name.len ? name.len : 1;
    }
    return true;
}
