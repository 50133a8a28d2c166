#include "compiler/lint.h"

#include "compiler/lower.h"
#include "spec/base/arena.h"

static const struct node *find_setting(const struct node *settings, const struct diag_code *code)
{
    for (size_t i = 0; settings && settings->kind == NODE_MAPPING && i < settings->count; i++)
        if (diag_code_find(settings->members[i].key->text) == code)
            return settings->members[i].value;
    return NULL;
}

bool lint_severity(const struct lint_settings *settings, const struct diag_code *code, enum diag_severity *out)
{
    const struct node *setting = find_setting(settings->environment, code);
    struct str name;

    if (!setting)
        setting = find_setting(settings->project, code);
    *out = code->severity;
    if (!setting)
        return true;
    name = node_text(setting);
    *out = str_is(name, "error")  ? DIAG_SEVERITY_ERROR
           : str_is(name, "info") ? DIAG_SEVERITY_INFO
                                  : DIAG_SEVERITY_WARNING;
    return !str_is(name, "off");
}

static void set_severity(struct diag_list *diags, struct diag *diag, enum diag_severity severity)
{
    if (diag->severity == severity)
        return;
    diags->warning_count -= diag->severity == DIAG_SEVERITY_WARNING;
    diags->warning_count += severity == DIAG_SEVERITY_WARNING;
    diags->error_count += severity == DIAG_SEVERITY_ERROR;
    diag->severity = severity;
}

struct diag *lint_report(const struct lint_settings *settings, struct diag_list *diags,
    const struct project_migration *migration, const struct diag_code *code, struct span span, const char *message)
{
    enum diag_severity severity;
    struct diag *diag;

    if (!lint_severity(settings, code, &severity) || (migration && allowance_use(migration, code->name)))
        return NULL;
    diag = diag_report(diags, code, span, "%s", message);
    set_severity(diags, diag, severity);
    return diag;
}

const struct diag_code *lint_rule(
    struct arena *arena, struct diag_list *diags, const struct node *rule, const char *verb)
{
    const struct diag_code *code = diag_code_find(rule->text);
    const char **names = ARENA_ARRAY(arena, const char *, DIAG_ID_COUNT);
    const char *meant;
    struct diag *diag;
    size_t count = 0;

    if (code && code->severity != DIAG_SEVERITY_ERROR)
        return code;
    if (code) {
        diag_report(diags, DIAG(SPEC027), rule->span, "%s is an error and cannot be %s", code->name, verb);
        return NULL;
    }
    for (size_t i = 0; i < DIAG_ID_COUNT; i++)
        if (diag_codes[i].severity != DIAG_SEVERITY_ERROR)
            names[count++] = diag_codes[i].name;
    diag = diag_report(diags, DIAG(SPEC027), rule->span, "there is no finding '%.*s'", STR_ARG(rule->text));
    meant = str_did_you_mean(rule->text, names, count);
    if (meant)
        diag_add_help(diags, diag, "did you mean '%s'?", meant);
    return NULL;
}

void lint_check_settings(struct arena *arena, struct diag_list *diags, const struct node *settings)
{
    for (size_t i = 0; settings && settings->kind == NODE_MAPPING && i < settings->count; i++)
        lint_rule(arena, diags, settings->members[i].key, "set");
}
