#include "compiler/order.h"

#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/base/map.h"
#include "spec/diagnostic.h"

/* One target's migrations, in the order of declaration. */
struct queue {
    const struct project_target *target;
    VEC(struct project_migration *) migrations;
    size_t head;      /* the next to place */
    size_t satisfied; /* so many `after` edges of the head are met */
};

struct sorter {
    struct arena *arena;
    const struct project *project;
    struct queue *queues; /* in the project's order of targets */
    size_t queue_count;
    struct map by_id;  /* id → struct project_migration that is to be placed */
    bool *placed;      /* by migration index */
    struct map broken; /* "address" of an `after` node whose edge closed a circle: not followed any more */
    struct order_list *out;
};

bool order_includes(const struct project_migration *migration, const struct project_environment *environment)
{
    const struct node *only = migration->only;

    if (!only || !environment || only->kind != NODE_SEQUENCE)
        return true;
    for (size_t i = 0; i < only->count; i++)
        if (str_is(node_text(only->items[i]), environment->name))
            return true;
    return false;
}

static struct str edge_key(struct arena *arena, const struct node *after)
{
    const struct node **key = arena_alloc(arena, sizeof(*key));

    *key = after;
    return (struct str){(const char *)key, sizeof(*key)};
}

static void sorter_init(struct sorter *sorter, const struct project *project,
    const struct project_environment *environment, struct arena *arena, struct order_list *out)
{
    *sorter = (struct sorter){.arena = arena, .project = project, .queue_count = project->order.count, .out = out};
    sorter->queues = ARENA_ARRAY(arena, struct queue, project->order.count);
    sorter->placed = ARENA_ARRAY(arena, bool, project->migrations.count);
    map_init(&sorter->by_id, arena);
    map_init(&sorter->broken, arena);
    for (size_t i = 0; i < project->targets.count; i++)
        for (size_t j = 0; j < project->order.count; j++)
            if (strcmp(project->targets.items[i].name, project->order.items[j]) == 0)
                sorter->queues[j].target = &project->targets.items[i];
    for (size_t i = 0; i < project->migrations.count; i++) {
        struct project_migration *migration = &project->migrations.items[i];

        if (!migration->target || !order_includes(migration, environment))
            continue;
        if (!map_has(&sorter->by_id, str_from(migration->id)))
            map_put(&sorter->by_id, str_from(migration->id), migration);
        for (size_t j = 0; j < sorter->queue_count; j++)
            if (sorter->queues[j].target == migration->target)
                VEC_PUSH(arena, &sorter->queues[j].migrations, migration);
    }
}

static struct project_migration *queue_head(const struct queue *queue)
{
    return queue->head < queue->migrations.count ? queue->migrations.items[queue->head] : NULL;
}

/* The first edge of the queue's head that is not met, or NULL. */
static struct project_migration *find_unmet(struct sorter *sorter, struct queue *queue)
{
    struct project_migration *head = queue_head(queue), *needed;

    for (; queue->satisfied < head->after.count; queue->satisfied++) {
        const struct node *after = head->after.items[queue->satisfied];

        needed = map_get(&sorter->by_id, after->text);
        if (needed && needed != head && !sorter->placed[needed->index] &&
            (sorter->broken.count == 0 || !map_has(&sorter->broken, edge_key(sorter->arena, after))))
            return needed;
    }
    return NULL;
}

/* Places what can be placed. Every round begins with the first target again. */
static void place(struct sorter *sorter)
{
    for (size_t i = 0; i < sorter->queue_count;) {
        struct queue *queue = &sorter->queues[i];
        struct project_migration *head = queue_head(queue);

        if (!head || find_unmet(sorter, queue)) {
            i++;
            continue;
        }
        sorter->placed[head->index] = true;
        VEC_PUSH(sorter->arena, &sorter->out->items, head);
        queue->head++;
        queue->satisfied = 0;
        i = 0;
    }
}

static struct queue *find_queue(struct sorter *sorter, const struct project_target *target)
{
    for (size_t i = 0; i < sorter->queue_count; i++)
        if (sorter->queues[i].target == target)
            return &sorter->queues[i];
    BUG("migration on no target");
}

static struct queue *find_stuck(struct sorter *sorter)
{
    for (size_t i = 0; i < sorter->queue_count; i++)
        if (queue_head(&sorter->queues[i]))
            return &sorter->queues[i];
    return NULL;
}

/*
 * The heads of the queues wait for each other. From one of them, edges lead to a circle: it is reported whole, and its
 * first edge is not followed any more.
 */
static void report_circle(struct sorter *sorter, struct queue *stuck, struct diag_list *diags)
{
    struct map seen;
    struct queue *queue = stuck, *first;
    const struct node *after;
    struct diag *diag;

    map_init(&seen, sorter->arena);
    while (!map_put(&seen, str_from(queue_head(queue)->id), queue))
        queue = find_queue(sorter, find_unmet(sorter, queue)->target);
    first = queue;
    after = queue_head(first)->after.items[first->satisfied];
    diag = diag_report(diags, DIAG(ORDER002), after->span, "migration '%s' waits for itself", queue_head(first)->id);
    do {
        struct project_migration *head = queue_head(queue), *needed = find_unmet(sorter, queue), *next;

        diag_add_note(
            diags, diag, head->after.items[queue->satisfied]->span, "'%s' comes after '%s'", head->id, needed->id);
        queue = find_queue(sorter, needed->target);
        next = queue_head(queue);
        if (next != needed)
            diag_add_note(diags, diag, node_get(needed->node, "id")->span,
                "'%s' comes after '%s', which is declared before it on target '%s'", needed->id, next->id,
                needed->target->name);
    } while (queue != first);
    diag_add_help(diags, diag, "take one of these edges away, or declare the migrations in another order");
    map_put(&sorter->broken, edge_key(sorter->arena, after), sorter);
}

static void check_edges(
    const struct project *project, const struct map *ids, struct arena *arena, struct diag_list *diags)
{
    const char **names = NULL;

    for (size_t i = 0; i < project->migrations.count; i++) {
        struct project_migration *migration = &project->migrations.items[i];

        for (size_t j = 0; j < migration->after.count; j++) {
            const struct node *after = migration->after.items[j];
            struct diag *diag;
            const char *meant;

            if (str_is(after->text, migration->id)) {
                diag_report(diags, DIAG(ORDER002), after->span, "migration '%s' waits for itself", migration->id);
                continue;
            }
            if (map_has(ids, after->text))
                continue;
            if (!names) {
                names = ARENA_ARRAY(arena, const char *, project->migrations.count);
                for (size_t k = 0; k < project->migrations.count; k++)
                    names[k] = project->migrations.items[k].id;
            }
            diag =
                diag_report(diags, DIAG(ORDER001), after->span, "there is no migration '%.*s'", STR_ARG(after->text));
            meant = str_did_you_mean(after->text, names, project->migrations.count);
            if (meant)
                diag_add_help(diags, diag, "did you mean '%s'?", meant);
        }
    }
}

void order_check(struct project *project, struct arena *arena, struct diag_list *diags)
{
    struct order_list list = {0};
    struct sorter sorter;
    struct queue *stuck;
    struct map ids;

    map_init(&ids, arena);
    for (size_t i = 0; i < project->migrations.count; i++)
        map_put(&ids, str_from(project->migrations.items[i].id), &project->migrations.items[i]);
    check_edges(project, &ids, arena, diags);
    sorter_init(&sorter, project, NULL, arena, &list);
    for (place(&sorter); (stuck = find_stuck(&sorter)); place(&sorter))
        report_circle(&sorter, stuck, diags);
}

void order_sort(const struct project *project, const struct project_environment *environment, struct arena *arena,
    struct order_list *out)
{
    struct sorter sorter;

    sorter_init(&sorter, project, environment, arena, out);
    place(&sorter);
    if (find_stuck(&sorter))
        BUG("a circle that order_check() missed");
}
