#include "compiler/postgres/setting.h"

#include <string.h>

#include "compiler/postgres/quote.h"

static bool is_same(const struct setting *setting, const char *key, const char *column)
{
    return strcmp(setting->key, key) == 0 && !setting->column == !column &&
           (!column || strcmp(setting->column, column) == 0);
}

const struct setting *setting_find(const struct relation *relation, const char *key, const char *column)
{
    for (size_t i = 0; i < relation->settings.count; i++)
        if (is_same(&relation->settings.items[i], key, column))
            return &relation->settings.items[i];
    return NULL;
}

void setting_put(struct catalog *catalog, struct relation *relation, struct setting setting)
{
    for (size_t i = 0; i < relation->settings.count; i++)
        if (is_same(&relation->settings.items[i], setting.key, setting.column)) {
            relation->settings.items[i] = setting;
            return;
        }
    VEC_PUSH(catalog->arena, &relation->settings, setting);
}

void setting_forget_options(struct relation *relation)
{
    size_t kept = 0;

    for (size_t i = 0; i < relation->settings.count; i++)
        if (relation->settings.items[i].column)
            relation->settings.items[kept++] = relation->settings.items[i];
    relation->settings.count = kept;
}

const char *setting_sql(struct arena *arena, const struct relation *relation, const struct setting *setting)
{
    return arena_printf(arena, "ALTER TABLE %s %s%s%s%s%s%s", relation->qualified, setting->column ? "ALTER COLUMN " : "",
        setting->column ? quote_name(arena, setting->column) : "", setting->column ? " " : "", setting->action,
        setting->index ? " " : "", setting->index ? quote_name(arena, setting->index->name) : "");
}

const char *setting_of_sequence(struct arena *arena, const struct relation *sequence, const char *skip)
{
    struct strbuf buf = STRBUF_INIT;
    const char *result;

    for (size_t i = 0; i < sequence->settings.count; i++)
        if (!skip || strcmp(sequence->settings.items[i].key, skip) != 0)
            strbuf_printf(&buf, "%s%s", buf.len ? " " : "", sequence->settings.items[i].action);
    result = buf.len ? strbuf_copy(&buf, arena).data : "";
    strbuf_free(&buf);
    return result;
}
