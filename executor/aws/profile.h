/*
 * AWS's shared files: ~/.aws/credentials and ~/.aws/config, or where AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE
 * point. One profile is read: AWS_PROFILE, else "default".
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
    VEC(struct aws_profile_setting) settings; /* credentials file first: it wins */
};

enum { AWS_PROFILE_FILE_MAX_BYTES = 1024 * 1024 };

/* A file that is missing is empty. Fails when a file is too large or cannot be read, or a profile that AWS_PROFILE names
 * is in neither. */
bool aws_profile_load(struct arena *arena, const struct driver_env *env, struct aws_profile *out, struct error *error)
    MUST_CHECK;
const char *aws_profile_get(const struct aws_profile *profile, const char *name); /* NULL when absent */
/* Adds the settings of one section of an INI text; public for tests. True when the section is there. */
bool aws_profile_parse(struct arena *arena, struct str text, const char *section, struct aws_profile *profile);

#endif
