#include "executor/aws/profile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/exit.h"

const char *aws_profile_get(const struct aws_profile *profile, const char *name)
{
    for (size_t i = 0; i < profile->settings.count; i++)
        if (strcmp(profile->settings.items[i].name, name) == 0)
            return profile->settings.items[i].value;
    return NULL;
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

bool aws_profile_parse(struct arena *arena, struct str text, const char *section, struct aws_profile *profile)
{
    bool inside = false, found = false;

    for (size_t i = 0; i < text.len;) {
        const char *start = text.data + i;
        const char *end = memchr(start, '\n', text.len - i);
        size_t len = end ? (size_t)(end - start) : text.len - i;
        bool indented = len && (*start == ' ' || *start == '\t');
        struct str line = str_trim(without_comment((struct str){start, len}));
        const char *equals;

        i += len + 1;
        if (line.len && line.data[0] == '[') {
            inside = section_is(line, section);
            found = found || inside;
            continue;
        }
        equals = line.len ? memchr(line.data, '=', line.len) : NULL;
        if (!inside || !equals || indented) /* an indented line belongs to a nested setting (s3 = …) */
            continue;
        VEC_PUSH(arena, &profile->settings, ((struct aws_profile_setting){
            str_copy(arena, str_trim((struct str){line.data, (size_t)(equals - line.data)})).data,
            str_copy(arena, str_trim((struct str){equals + 1, line.len - (size_t)(equals - line.data) - 1})).data}));
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

bool aws_profile_load(struct arena *arena, const struct driver_env *env, struct aws_profile *out, struct error *error)
{
    const char *name = env->getenv(env->context, "AWS_PROFILE");
    struct arena scratch = ARENA_INIT;
    const char *paths[2];
    bool ok = true;

    memset(out, 0, sizeof(*out));
    out->named = name && *name;
    out->name = arena_strdup(arena, out->named ? name : "default");
    paths[0] = out->credentials_path = path_of(arena, env, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
    paths[1] = out->config_path = path_of(arena, env, "AWS_CONFIG_FILE", "config");
    for (size_t i = 0; ok && i < 2; i++) {
        struct str text;

        if (!paths[i])
            continue;
        ok = read_file(&scratch, paths[i], &text, error);
        if (ok && aws_profile_parse(arena, text, out->name, out))
            out->found = true;
    }
    arena_free(&scratch);
    if (ok && out->named && !out->found) {
        error_set(error, EXIT_STATUS_AUTHENTICATION, "the AWS profile '%s' that AWS_PROFILE names is neither in '%s' nor "
            "in '%s'", out->name, paths[0] ? paths[0] : "~/.aws/credentials", paths[1] ? paths[1] : "~/.aws/config");
        return error_help(error, "add the profile, or unset AWS_PROFILE");
    }
    return ok;
}
