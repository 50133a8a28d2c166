#include "executor/aws/profile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "spec/base/arena.h"
#include "spec/base/wipe.h"
#include "spec/exit.h"

const char *aws_profile_get(const struct aws_profile *profile, const char *name)
{
    for (size_t i = 0; i < profile->settings.count; i++)
        if (strcmp(profile->settings.items[i].name, name) == 0 && profile->settings.items[i].value[0])
            return profile->settings.items[i].value;
    return NULL;
}

const char *aws_profile_get_service(const struct aws_profile *profile, const char *service_id, const char *name)
{
    size_t id_len = strlen(service_id);

    for (size_t i = 0; i < profile->service_count; i++) {
        const char *setting = profile->services[i].name;

        if (strncasecmp(setting, service_id, id_len) == 0 && setting[id_len] == '.' &&
            strcmp(setting + id_len + 1, name) == 0)
            return profile->services[i].value;
    }
    return NULL;
}

void aws_profile_wipe(struct aws_profile *profile)
{
    for (size_t i = 0; i < profile->settings.count; i++) {
        const struct aws_profile_setting *setting = &profile->settings.items[i];

        if (strcmp(setting->name, "aws_secret_access_key") == 0 || strcmp(setting->name, "aws_session_token") == 0)
            wipe_bytes((char *)setting->value, strlen(setting->value));
    }
}

/* "[profile x]" and "[x]" name the same: only the config file writes the word. */
static bool section_is(struct str line, const char *section)
{
    struct str name;

    if (line.len < 2 || line.data[0] != '[')
        return false;
    name = str_trim((struct str){line.data + 1, line.len - 1});
    if (name.len && name.data[name.len - 1] == ']')
        name.len--;
    name = str_trim(name);
    if (str_starts_with(name, "profile ") || str_starts_with(name, "profile\t"))
        name = str_trim((struct str){name.data + 8, name.len - 8});
    return str_is(name, section);
}

static struct str without_comment(struct str line)
{
    for (size_t i = 0; i < line.len; i++)
        if ((line.data[i] == '#' || line.data[i] == ';') &&
            (i == 0 || line.data[i - 1] == ' ' || line.data[i - 1] == '\t'))
            return (struct str){line.data, i};
    return line;
}

static struct str trimmed_copy(struct arena *arena, const char *start, const char *end)
{
    return str_copy(arena, str_trim((struct str){start, (size_t)(end - start)}));
}

bool aws_profile_parse(struct arena *arena, struct str text, const char *section, struct aws_profile *profile)
{
    bool inside = false, found = false;
    struct str outer = STR(""); /* the setting that indented lines belong to */

    for (size_t i = 0; i < text.len;) {
        const char *start = text.data + i;
        const char *end = memchr(start, '\n', text.len - i);
        size_t len = end ? (size_t)(end - start) : text.len - i;
        bool indented = len && (*start == ' ' || *start == '\t');
        struct str line = str_trim(without_comment((struct str){start, len}));
        struct str name, value;
        const char *equals;

        i += len + 1;
        if (line.len && line.data[0] == '[') {
            inside = section_is(line, section);
            found = found || inside;
            outer = STR("");
            continue;
        }
        equals = line.len ? memchr(line.data, '=', line.len) : NULL;
        if (!inside || !equals || (indented && !outer.len))
            continue;
        name = trimmed_copy(arena, line.data, equals);
        value = trimmed_copy(arena, equals + 1, line.data + line.len);
        if (indented)
            name = str_from(arena_printf(arena, "%.*s.%.*s", STR_ARG(outer), STR_ARG(name)));
        else
            outer = value.len ? STR("") : name;
        VEC_PUSH(arena, &profile->settings, ((struct aws_profile_setting){name.data, value.data}));
    }
    return found;
}

static bool read_file(struct arena *arena, const char *path, struct str *out, struct error *error)
{
    FILE *file = fopen(path, "rb");
    char *data;
    size_t len;

    *out = STR("");
    if (!file && (errno == ENOENT || errno == ENOTDIR))
        return true;
    if (!file)
        return error_set(error, EXIT_STATUS_AUTHENTICATION, "cannot read '%s': %s", path, strerror(errno));
    data = arena_alloc(arena, AWS_PROFILE_FILE_MAX_BYTES + 1);
    len = fread(data, 1, AWS_PROFILE_FILE_MAX_BYTES + 1, file);
    if (ferror(file) || len > AWS_PROFILE_FILE_MAX_BYTES) {
        fclose(file);
        return error_set(error, EXIT_STATUS_AUTHENTICATION, "cannot read '%s': %s", path,
            len > AWS_PROFILE_FILE_MAX_BYTES ? "it is larger than 1 MB" : "an input error");
    }
    fclose(file);
    *out = (struct str){data, len};
    return true;
}

static const char *path_of(struct arena *arena, const struct driver_env *env, const char *variable, const char *name)
{
    const char *path = env->getenv(env->context, variable);
    const char *home = env->getenv(env->context, "HOME");

    if (path && *path)
        return arena_strdup(arena, path);
    return home && *home ? arena_printf(arena, "%s/.aws/%s", home, name) : NULL;
}

static void read_services(struct arena *arena, struct str config, struct aws_profile *profile)
{
    const char *name = aws_profile_get(profile, "services");
    struct aws_profile section = {0};

    if (!name)
        return;
    aws_profile_parse(arena, config, arena_printf(arena, "services %s", name), &section);
    profile->services = section.settings.items;
    profile->service_count = section.settings.count;
}

bool aws_profile_load_named(struct arena *arena, const struct driver_env *env, const char *name, struct aws_profile *out,
    struct error *error)
{
    struct arena scratch = ARENA_INIT;
    struct str texts[2] = {STR(""), STR("")};
    const char *paths[2];
    bool ok = true;

    memset(out, 0, sizeof(*out));
    out->name = arena_strdup(arena, name);
    paths[0] = out->credentials_path = path_of(arena, env, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
    paths[1] = out->config_path = path_of(arena, env, "AWS_CONFIG_FILE", "config");
    for (size_t i = 0; ok && i < 2; i++) {
        if (!paths[i])
            continue;
        ok = read_file(&scratch, paths[i], &texts[i], error);
        if (ok && aws_profile_parse(arena, texts[i], out->name, out))
            out->found = true;
    }
    if (ok)
        read_services(arena, texts[1], out);
    wipe_arena(&scratch); /* the files hold keys of other profiles too */
    return ok;
}

bool aws_profile_load(struct arena *arena, const struct driver_env *env, struct aws_profile *out, struct error *error)
{
    const char *name = env->getenv(env->context, "AWS_PROFILE");
    bool named = name && *name;

    if (!aws_profile_load_named(arena, env, named ? name : "default", out, error))
        return false;
    out->named = named;
    if (!named || out->found)
        return true;
    error_set(error, EXIT_STATUS_AUTHENTICATION, "the AWS profile '%s' that AWS_PROFILE names is neither in '%s' nor in "
        "'%s'", out->name, out->credentials_path ? out->credentials_path : "~/.aws/credentials",
        out->config_path ? out->config_path : "~/.aws/config");
    return error_help(error, "add the profile, or unset AWS_PROFILE");
}
