#include "spec/sql_layout.h"

#include <string.h>

enum { LINE_MAX_COLUMNS = 100, GROUP_MIN_BYTES = 50 };

/* Behind a quoted text or name that begins at `at`; the statement's length where it is not closed. */
static size_t skip_quoted(struct str sql, size_t at)
{
    char quote = sql.data[at];
    bool escapes = quote == '\'' && at > 0 && (sql.data[at - 1] == 'E' || sql.data[at - 1] == 'e');

    for (at++; at < sql.len; at++) {
        if (escapes && sql.data[at] == '\\')
            at++;
        else if (sql.data[at] == quote)
            return at + 1; /* a doubled quote begins another quoted text at once */
    }
    return sql.len;
}

/* Comments and dollar quotes are left alone, with all of the statement. */
static bool is_plain(struct str sql)
{
    for (size_t i = 0; i < sql.len; i++) {
        bool last = i + 1 == sql.len;

        if (sql.data[i] == '\'' || sql.data[i] == '"')
            i = skip_quoted(sql, i) - 1;
        else if (sql.data[i] == '\n' || sql.data[i] == '$' || (!last && sql.data[i] == '-' && sql.data[i + 1] == '-') ||
                 (!last && sql.data[i] == '/' && sql.data[i + 1] == '*'))
            return false;
    }
    return true;
}

/* The first outermost parenthesis that is long and has several elements. */
static bool find_group(struct str sql, size_t *open, size_t *close)
{
    size_t depth = 0, commas = 0;

    *open = *close = 0;
    for (size_t i = 0; i < sql.len; i++) {
        if (sql.data[i] == '\'' || sql.data[i] == '"') {
            i = skip_quoted(sql, i) - 1;
        } else if (sql.data[i] == '(' && depth++ == 0) {
            *open = i;
            commas = 0;
        } else if (sql.data[i] == ',' && depth == 1) {
            commas++;
        } else if (sql.data[i] == ')') {
            if (depth == 0)
                return false;
            *close = i;
            if (--depth == 0 && commas && *close - *open >= GROUP_MIN_BYTES)
                return true;
        }
    }
    return false;
}

static void append_element(struct strbuf *out, struct str list, size_t from, size_t to, const char *end)
{
    strbuf_append_text(out, "    ");
    strbuf_append_str(out, str_trim((struct str){list.data + from, to - from}));
    strbuf_append_text(out, end);
}

/* The elements between the parentheses, a line each. */
static void append_elements(struct strbuf *out, struct str list)
{
    size_t depth = 0, from = 0;

    for (size_t i = 0; i < list.len; i++) {
        if (list.data[i] == '\'' || list.data[i] == '"') {
            i = skip_quoted(list, i) - 1;
        } else if (list.data[i] == ',' && depth == 0) {
            append_element(out, list, from, i, ",\n");
            from = i + 1;
        } else {
            depth += list.data[i] == '(';
            depth -= list.data[i] == ')';
        }
    }
    append_element(out, list, from, list.len, "\n");
}

void sql_layout_append(struct strbuf *out, struct str sql)
{
    size_t open, close;

    if (sql.len <= LINE_MAX_COLUMNS || !is_plain(sql) || !find_group(sql, &open, &close)) {
        strbuf_append_str(out, sql);
        return;
    }
    strbuf_append(out, sql.data, open + 1);
    strbuf_append_char(out, '\n');
    append_elements(out, (struct str){sql.data + open + 1, close - open - 1});
    strbuf_append(out, sql.data + close, sql.len - close);
}
