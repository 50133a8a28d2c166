#include "compiler/connection.h"

#include <string.h>

#include "compiler/reference.h"
#include "spec/diagnostic.h"

/* The first c of text that stands outside ${…}, or NULL. */
static const char *find_outside(struct str text, char c)
{
    bool inside = false;

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '$' && i + 1 < text.len && text.data[i + 1] == '{')
            inside = true;
        else if (text.data[i] == '}')
            inside = false;
        else if (!inside && text.data[i] == c)
            return text.data + i;
    }
    return NULL;
}

static bool is_reference(struct str text)
{
    struct reference reference;
    size_t position = 0;

    while (reference_next(text, &position, &reference))
        if (reference.kind == REFERENCE_VAR || (reference.start == 0 && reference.end == text.len))
            return true;
    return text.len == 0;
}

/* USER:PASSWORD@ of a URL. */
static struct str find_url_password(struct str url)
{
    const char *start = strstr(url.data, "://"), *slash, *at, *colon;
    struct str authority;

    if (!start)
        return STR("");
    authority = (struct str){start + 3, url.len - (size_t)(start + 3 - url.data)};
    slash = find_outside(authority, '/');
    if (slash)
        authority.len = (size_t)(slash - authority.data);
    at = find_outside(authority, '@');
    if (!at)
        return STR("");
    authority.len = (size_t)(at - authority.data);
    colon = find_outside(authority, ':');
    return colon ? (struct str){colon + 1, (size_t)(at - colon) - 1} : STR("");
}

/* password=… of a connection string or of a URL's query. */
static struct str find_keyword_password(struct str text)
{
    const char *start = strstr(text.data, "password=");
    struct str value;

    if (!start)
        return STR("");
    value = (struct str){start + 9, strcspn(start + 9, " &")};
    if (str_starts_with(value, "'"))
        value = (struct str){value.data + 1, strcspn(value.data + 1, "'")};
    return value;
}

static void report_password(const struct node *node, struct str password, struct diag_list *diags)
{
    size_t at = (size_t)(password.data - node->text.data);
    struct diag *diag = diag_report(
        diags, DIAG(SPEC026), node_text_span(node, at, at + password.len), "a password cannot stand in the project");

    diag_add_help(diags, diag, "write ${env:NAME}, ${secret:ARN#password}, or use `secret:`");
}

static void check_passwords(const struct node *node, struct diag_list *diags)
{
    const struct node *password = node_get(node, "password"), *url = node_get(node, "url");
    struct str found;

    if (password && !is_reference(node_text(password)))
        report_password(password, node_text(password), diags);
    if (node_text(url).len == 0)
        return;
    found = find_url_password(url->text);
    if (!is_reference(found))
        report_password(url, found, diags);
    found = find_keyword_password(url->text);
    if (!is_reference(found))
        report_password(url, found, diags);
}

void connection_check(const struct node *node, struct diag_list *diags)
{
    static const struct {
        const char *key;
        int way;
    } ways[] = {{"url", 1}, {"secret", 2}, {"host", 3}, {"port", 3}, {"user", 3}, {"password", 3}, {"dbname", 3}};
    const struct node *first = NULL;
    int first_way = 0;

    check_passwords(node, diags);
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        const struct node *key = node_get_key(node, ways[i].key);
        struct diag *diag;

        if (!key || ways[i].way == first_way)
            continue;
        if (!first) {
            first = key;
            first_way = ways[i].way;
            continue;
        }
        diag = diag_report(diags, DIAG(SPEC012), key->span, "a target cannot have both '%.*s' and '%.*s'",
            STR_ARG(first->text), STR_ARG(key->text));
        diag_add_note(diags, diag, first->span, "the other is here");
        diag_add_help(
            diags, diag, "a database is reached by `url`, by `secret`, or by `host` and the fields beside it");
        return;
    }
}
