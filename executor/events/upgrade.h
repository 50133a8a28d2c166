/*
 * What the upgrade of stored events and its way back share: the step as read from the plan, and the rows that hold the
 * pre-images.
 *
 * An event is rewritten in two steps, each of which may be repeated:
 *  1. its pre-image is put into LEDGER_undo (unless the same one is there already), with a fingerprint of what is going to
 *     be written;
 *  2. the old event is changed into the new one, on the condition that it still is what was read (item_change.h). A writer
 *     who was faster is read again, never overwritten.
 * A kill between the two leaves a pre-image of an event that did not change; the way back finds it unchanged. Restoring, an
 * event is only put back where its fingerprint is that of what we wrote, on the same kind of condition.
 *
 * LEDGER_undo: pk "STEP#SHARD", sk fingerprint of the key → before (M, the item), before_digest, after_digest, from (N), at;
 * kept (BOOL) where the way back found the event changed by somebody else. A step's rows are spread over UNDO_SHARDS_MAX
 * partitions at most, since one partition takes 1,000 writes a second.
 */
#ifndef EXECUTOR_EVENTS_UPGRADE_H
#define EXECUTOR_EVENTS_UPGRADE_H

#include "executor/events/checkpoint.h"
#include "executor/events/events.h"
#include "executor/events/item_change.h"
#include "executor/events/pump.h"
#include "spec/base/digest.h"
#include "spec/event/upcast.h"

enum {
    UNDO_SHARDS_MAX = 128,
    UNDO_OVERHEAD_BYTES = 6 * 1024, /* of a row beside its pre-image */
    REWRITE_TRIES_MAX = 20,
};

struct upgrade {
    struct dynamodb_driver *driver;
    const struct plan_step *step;
    const struct plan_events *events;
    struct str event;
    int64_t to;
    bool in_place;
    int64_t segments;
    const char *stream;             /* only this one; NULL: all */
    double max_rcu, max_wcu;        /* 0: no limit */
    struct upcaster **upcasters;    /* [to - 2] brings version to - 1 to version to; NULL in the way back */
    struct item_table table;        /* by item_table_read() */
};

/* Reads the step; false with exit status PLAN or UNSUPPORTED. Touches no network. */
bool upgrade_read(struct dynamodb_driver *driver, const struct plan_step *step, struct upgrade *out,
    struct error *error) MUST_CHECK;
size_t upgrade_shards(const struct upgrade *upgrade);

/* --- rewrite.c --- */
/* pump_ops.advance for an upgrade; context: struct upgrading. */
struct upgrading {
    const struct upgrade *upgrade;
    int64_t upgraded;      /* events written by this process */
    int64_t found_done;    /* written by an earlier attempt, or by somebody with the same upcaster */
    int64_t faster;        /* brought to the version, or beyond, by somebody else meanwhile */
    int64_t gone;          /* deleted meanwhile */
    int64_t read_again;
};
void rewrite_advance(void *context, struct pump_slot *slot);

/* --- restore.c --- */
/* Puts the step's pre-images back. Of upgrade are used: driver, step, segments, limits and table. unit: "events". */
bool restore_run(struct upgrade *upgrade, const char *unit, struct driver_result *result, struct error *error) MUST_CHECK;

/* --- undo_row.c: the same members of upgrade --- */
/* Appends "pk":{…},"sk":{…} of the row for an event. */
void undo_append_key(struct strbuf *out, const struct upgrade *upgrade, const struct event_value *item);
const char *undo_partition(struct arena *arena, const struct upgrade *upgrade, size_t shard);
/* Whether there are pre-images that the way back has not been through. */
bool undo_rows_left(const struct upgrade *upgrade, bool *left, struct error *error) MUST_CHECK;
/* Write units of a put: one for each started KB. */
double undo_write_units(size_t size_bytes);

#endif
