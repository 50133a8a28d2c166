/*
 * Histories of other tools, read into migrations that keep their names and their order.
 *
 *     import_folder_read(&source, path, …)         the tool's files, from disk
 *     import_history_read(&history, …)             what they say; nothing is guessed
 *     import_output_make(&output, &history, …)     migrations.yaml and the SQL files beside it, as texts
 *     import_output_write(&output, …)              onto disk, nothing overwritten unasked
 *
 * What cannot be carried over is a finding with its file and line. A migration is never carried over in part so that it
 * would compile: where a piece of its forward SQL is missing, its SQL file has a line that PostgreSQL's parser refuses.
 * Backward SQL that is not whole is left out, so that the derived inverse (or an honest "cannot be undone") stands.
 *
 * The same files give the same bytes. Everything read is untrusted.
 */
#ifndef COMPILER_IMPORT_IMPORT_H
#define COMPILER_IMPORT_IMPORT_H

#include "spec/base/error.h"
#include "spec/base/map.h"
#include "spec/base/str.h"
#include "spec/base/vec.h"

enum {
    IMPORT_FILES_MAX = 50 * 1000,
    IMPORT_DEPTH_MAX = 16,
    IMPORT_FILE_MAX_BYTES = 32 * 1024 * 1024,
    IMPORT_TOTAL_MAX_BYTES = 512 * 1024 * 1024,
};

enum import_tool {
    IMPORT_GOLANG_MIGRATE,
    IMPORT_DBMATE,
    IMPORT_FLYWAY,
    IMPORT_SQITCH,
    IMPORT_TYPEORM,
    IMPORT_TOOL_COUNT
};

struct import_file {
    const char *path;    /* relative to the folder, '/' between its parts */
    struct str text;     /* UTF-8, LF line ends, no byte order mark; "" where problem is not NULL */
    const char *problem; /* why there is no text, to follow the path; NULL: there is */
};

struct import_source {
    struct arena *arena;
    const char *shown;     /* the folder as the user gave it; before the paths of findings */
    const char *real;      /* its path without symbolic links; NULL: not on disk */
    const char *main_file; /* sqitch: the plan's path in the folder, where the user named that file; else NULL */
    VEC(struct import_file) files; /* sorted by path */
};

/* What a person should know. */
struct import_finding {
    bool is_open; /* a person has to do something; else it is only said */
    const char *path;
    size_t line; /* 1-based; 0: the file as a whole */
    const char *text;
};

/* SQL of one direction. */
struct import_script {
    const struct import_file *file; /* NULL: there is none */
    struct str text;
    size_t line;     /* of the file, where text begins */
    bool is_whole;   /* text is all of the file, unchanged */
    bool is_partial; /* something that it should do is missing */
};

struct import_change {
    const char *name; /* as the tool knows it */
    const char *id;
    const char *description; /* NULL: none */
    struct import_script up, down, verify;
    VEC(const char *) after; /* ids */
};

struct import_history {
    struct arena *arena;
    const struct import_source *source;
    enum import_tool tool;
    const char *project; /* the project's name, where the tool has one; else NULL */
    VEC(struct import_change) changes;
    VEC(struct import_finding) findings;
    size_t open_count;
};

const char *import_tool_name(enum import_tool tool);
/* False with the tools listed in *error. */
bool import_tool_from_name(const char *name, enum import_tool *out, struct error *error) MUST_CHECK;

/*
 * Reads what `tool` keeps below path; for sqitch also the plan file itself. Symbolic links are not followed. False when
 * the folder cannot be read, has nothing of the tool, or is over a limit.
 */
bool import_folder_read(
    struct import_source *source, enum import_tool tool, const char *path, struct error *error) MUST_CHECK;
/* Adds one file from memory: bytes as they stand on disk. Paths are given in any order; import_source_sort() follows.
 */
void import_source_add(struct import_source *source, const char *path, struct str bytes);
void import_source_sort(struct import_source *source);

/* False when the files contradict each other (two migrations with one version): the tool itself would refuse them. */
bool import_history_read(struct import_history *history, const struct import_source *source, enum import_tool tool,
    struct error *error) MUST_CHECK;

struct import_text {
    const char *path; /* relative to the folder of the project file */
    struct str text;
};

struct import_settings {
    const char *file;    /* the project file, "migrations.yaml" */
    const char *root;    /* its folder without symbolic links; NULL: SQL files are all copied */
    const char *target;  /* the target's name */
    const char *project; /* NULL: the history's, or "imported" */
};

struct import_output {
    VEC(struct import_text) files; /* the project file is the last */
    size_t referenced;             /* SQL files that are used where they stand */
};

void import_output_make(
    struct import_output *output, const struct import_history *history, const struct import_settings *settings);
/*
 * folder: the project file's. Without force, a file that is there with another content ends it before anything is
 * written. Nothing is written through a symbolic link to a folder.
 */
bool import_output_write(struct arena *arena, const struct import_output *output, const char *folder, bool force,
    struct error *error) MUST_CHECK;
/* The report: counts, then what a person has to do, then the rest. */
void import_report_print(
    const struct import_history *history, const struct import_output *output, const char *file, struct strbuf *out);

#endif
