/*
 * Files of a project: found, read, kept. Paths are relative to the directory of migrations.yaml, with '/' between their
 * parts; they stay inside it: no absolute path, no '..', and no symbolic link that leads out.
 *
 *     project = project_load(&arena, "migrations.yaml", &diags, &error);
 *     if (!project) …                        the file cannot be opened at all: error says why
 *     if (diags.error_count) …               else everything that is wrong with it is in diags
 */
#ifndef COMPILER_LOAD_H
#define COMPILER_LOAD_H

#include "compiler/project.h"

enum { LOAD_FILES_MAX = 100 * 1000 };

struct project_file {
    const char *path;
    const struct source *source; /* SQL files: LF line ends, no byte order mark */
    const char *digest;          /* of the text with LF line ends */
};

/*
 * Reads main_path and what it includes, checks and parses it. The project and all sources live in arena. NULL with
 * *error filled when the main file cannot be read; otherwise a project, complete where diags has no error.
 */
struct project *project_load(struct arena *arena, const char *main_path, struct diag_list *diags, struct error *error);

/* The two halves of it: the folder that paths are relative to, and the project from the main file's text. */
struct project_files *project_files_open(struct arena *arena, const char *folder, struct error *error);
/* How many files one include pattern may match: LOAD_FILES_MAX where nothing is said. */
void project_files_limit(struct project_files *files, size_t max);
struct project *project_parse(struct project_files *files, const struct source *main_file, struct diag_list *diags);

/*
 * A file that `path` names, relative to the file that `path` stands in; read once. NULL and diagnosed at `path` when it
 * cannot be read or is no text.
 */
const struct project_file *project_file_read(
    struct project_files *files, const struct node *path, struct diag_list *diags);

#endif
