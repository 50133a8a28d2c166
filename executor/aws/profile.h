/*
 * AWS's shared files: ~/.aws/credentials and ~/.aws/config, or where AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE
 * point. A profile is read whole: its settings from both files, and the [services NAME] section that it names.
 */
#ifndef EXECUTOR_AWS_PROFILE_H
#define EXECUTOR_AWS_PROFILE_H

#include "executor/driver.h"

struct aws_profile_setting {
    const char *name;
    const char *value;
};

struct aws_profile {
    const char *name;
    bool named;                  /* by AWS_PROFILE */
    bool found;                  /* in either file */
    const char *credentials_path; /* what was looked at; NULL without a home directory */
    const char *config_path;
    /* Credentials file first: it wins. A nested setting is called "outer.inner". */
    VEC(struct aws_profile_setting) settings;
    const struct aws_profile_setting *services; /* "dynamodb.endpoint_url", … */
    size_t service_count;
};

enum { AWS_PROFILE_FILE_MAX_BYTES = 1024 * 1024 };

/* The profile that AWS_PROFILE names, else "default". A file that is missing is empty. Fails when a file is too large or
 * cannot be read, or a profile that AWS_PROFILE names is in neither. */
bool aws_profile_load(struct arena *arena, const struct driver_env *env, struct aws_profile *out, struct error *error)
    MUST_CHECK;
/* The same for a name of another's source_profile. */
bool aws_profile_load_named(struct arena *arena, const struct driver_env *env, const char *name, struct aws_profile *out,
    struct error *error) MUST_CHECK;
const char *aws_profile_get(const struct aws_profile *profile, const char *name); /* NULL when absent or empty */
/* Overwrites the secret settings, once nothing reads them any more. */
void aws_profile_wipe(struct aws_profile *profile);
/* A setting of one service; service_id as in the variable's name ("DYNAMODB"). NULL when absent. */
const char *aws_profile_get_service(const struct aws_profile *profile, const char *service_id, const char *name);
/* Adds the settings of one section of an INI text; public for tests. True when the section is there. */
bool aws_profile_parse(struct arena *arena, struct str text, const char *section, struct aws_profile *profile);

#endif
