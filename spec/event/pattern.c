#include "spec/event/pattern.h"

/* Unicode's long names of general categories, which ECMA-262 takes and PCRE2 does not. */
static const struct {
    const char *name;
    const char *category;
} categories[] = {
    {"Cased_Letter", "L&"},
    {"Close_Punctuation", "Pe"},
    {"Connector_Punctuation", "Pc"},
    {"Control", "Cc"},
    {"Currency_Symbol", "Sc"},
    {"Dash_Punctuation", "Pd"},
    {"Decimal_Number", "Nd"},
    {"Enclosing_Mark", "Me"},
    {"Final_Punctuation", "Pf"},
    {"Format", "Cf"},
    {"Initial_Punctuation", "Pi"},
    {"LC", "L&"},
    {"Letter", "L"},
    {"Letter_Number", "Nl"},
    {"Line_Separator", "Zl"},
    {"Lowercase_Letter", "Ll"},
    {"Mark", "M"},
    {"Math_Symbol", "Sm"},
    {"Modifier_Letter", "Lm"},
    {"Modifier_Symbol", "Sk"},
    {"Nonspacing_Mark", "Mn"},
    {"Number", "N"},
    {"Open_Punctuation", "Ps"},
    {"Other", "C"},
    {"Other_Letter", "Lo"},
    {"Other_Number", "No"},
    {"Other_Punctuation", "Po"},
    {"Other_Symbol", "So"},
    {"Paragraph_Separator", "Zp"},
    {"Private_Use", "Co"},
    {"Punctuation", "P"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Spacing_Mark", "Mc"},
    {"Surrogate", "Cs"},
    {"Symbol", "S"},
    {"Titlecase_Letter", "Lt"},
    {"Unassigned", "Cn"},
    {"Uppercase_Letter", "Lu"},
    {"digit", "Nd"},
    {"punct", "P"},
};

/* Behind the property that starts at i ("{Letter}"), which is appended in PCRE2's words; i when there is none. */
static size_t translate_property(struct str text, size_t i, struct strbuf *out)
{
    struct str name;
    size_t end = i;

    if (i == text.len || text.data[i] != '{')
        return i;
    while (end < text.len && text.data[end] != '}')
        end++;
    if (end == text.len)
        return i;
    name = (struct str){text.data + i + 1, end - i - 1};
    if (str_starts_with(name, "General_Category="))
        name = (struct str){name.data + 17, name.len - 17};
    else if (str_starts_with(name, "gc="))
        name = (struct str){name.data + 3, name.len - 3};
    for (size_t k = 0; k < sizeof(categories) / sizeof(*categories); k++) {
        if (str_is(name, categories[k].name))
            name = str_from(categories[k].category);
    }
    strbuf_append_char(out, '{');
    strbuf_append_str(out, name);
    strbuf_append_char(out, '}');
    return end + 1;
}

static void translate(struct str text, struct strbuf *out)
{
    for (size_t i = 0; i < text.len;) {
        char c = text.data[i++];

        strbuf_append_char(out, c);
        if (c != '\\' || i == text.len)
            continue;
        c = text.data[i++];
        strbuf_append_char(out, c);
        if (c == 'p' || c == 'P')
            i = translate_property(text, i, out);
    }
}

struct regex *pattern_compile(struct arena *arena, struct str text, struct regex_error *error)
{
    struct strbuf translated = STRBUF_INIT;
    struct regex *regex;

    translate(text, &translated);
    regex = regex_compile(arena, translated.data ? strbuf_view(&translated) : STR(""), REGEX_FLAVOUR_ECMA, error);
    strbuf_free(&translated);
    return regex;
}
