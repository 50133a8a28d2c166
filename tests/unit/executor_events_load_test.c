/* Upgrades in place under load (TEST_AWS_ENDPOINT): a writer who writes all the while, and limits on what is consumed.
 */
#include <poll.h>
#include <sys/mman.h>

#include "tests/unit/events_world.h"

/* --- somebody who writes into the table all the while ------------------------------------------------------------- */

enum { EVENTS = 120 };

struct writer {
    pid_t process;
    int stop;                 /* closed: stop */
    volatile int64_t *writes; /* counted by the writer */
};

static struct writer *writing;

/* Counts up in events of the table, and now and then puts a new one of the latest version. */
static void write_until_stopped(struct world *world, int stop, volatile int64_t *writes)
{
    struct pollfd stopped = {.fd = stop, .events = POLLIN};
    struct world *own = beside(world);
    uint32_t random = 7;

    while (poll(&stopped, 1, 0) == 0) {
        int number;

        random = random * 1664525u + 1013904223u;
        number = (int)(random >> 8) % EVENTS;
        world_request(own, "UpdateItem",
            arena_printf(&own->arena,
                "{`TableName`:`T_events`,`Key`:{`stream`:{`S`:`s%d`},`seq`:"
                "{`N`:`%d`}},`UpdateExpression`:`ADD writes :one`,`ExpressionAttributeValues`:{`:one`:{`N`:`1`}}}",
                number % 17, number));
        if (++*writes % 20 == 0)
            put_event(own, "new", (int)*writes, "Created", "3", ",`writes`:{`N`:`0`}");
    }
    _exit(0);
}

static struct writer writer_start(struct world *world)
{
    FILE *shared = tmpfile();
    struct writer writer;
    int ends[2];

    assert_non_null(shared);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(ftruncate(fileno(shared), sizeof(*writer.writes)), 0);
    writer.writes = mmap(NULL, sizeof(*writer.writes), PROT_READ | PROT_WRITE, MAP_SHARED, fileno(shared), 0);
    assert_true(writer.writes != MAP_FAILED);
    fclose(shared);
    writer.stop = ends[1];
    fflush(stdout);
    writer.process = fork();
    assert_true(writer.process >= 0);
    if (writer.process == 0) {
        close(ends[1]);
        write_until_stopped(world, ends[0], writer.writes);
    }
    close(ends[0]);
    return writer;
}

static int64_t writer_stop(struct writer *writer)
{
    int64_t writes;
    int status;

    close(writer->stop);
    assert_int_equal(waitpid(writer->process, &status, 0), writer->process);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    writes = *writer->writes;
    munmap((void *)(uintptr_t)writer->writes, sizeof(*writer->writes));
    return writes;
}

static void wait_for_writes(int64_t count)
{
    const struct timespec pause = {.tv_nsec = 500000};

    for (int i = 0; i < 20000 && *writing->writes < count; i++) {
        assert_int_equal(waitpid(writing->process, NULL, WNOHANG), 0);
        nanosleep(&pause, NULL);
    }
    assert_true(*writing->writes >= count);
}

/* Before each event is put, the writer gets at least one write in. */
static void let_the_writer_write(struct world *world, const char *name)
{
    (void)world;
    if (strcmp(name, "ddb.upgrade.before_event") == 0 || strcmp(name, "ddb.restore.before_event") == 0)
        wait_for_writes(*writing->writes + 1);
}

struct sums {
    int64_t writes;
    int latest, older; /* of the events that were there at first */
    int fresh;         /* put by the writer */
};

static struct sums add_up(struct world *world)
{
    const struct json *answer = world_request(world, "Scan", "{`TableName`:`T_events`,`ConsistentRead`:true}");
    struct sums sums = {0};

    for (const struct json *item = json_get(answer, "Items")->child; item; item = item->next) {
        int64_t writes = 0, number = 0;

        if (dynamodb_item_number(item, "writes", &writes))
            sums.writes += writes;
        assert_true(dynamodb_item_number(item, "count", &number));
        if (str_is(dynamodb_item_text(item, "stream"), "new")) {
            sums.fresh++;
            assert_int_equal(number, 0);
        } else if (str_is(dynamodb_item_text(item, "eventVersion"), "3")) {
            sums.latest++;
            assert_true(number == 10 || number == 11); /* once, no more */
            assert_null(json_get(item, "old"));
        } else {
            sums.older++;
            assert_int_equal(number, 0);
            assert_string_equal(dynamodb_item_text(item, "old").data, "x");
            assert_null(json_get(item, "new"));
        }
    }
    assert_null(json_get(answer, "LastEvaluatedKey"));
    assert_int_equal(sums.latest + sums.older, EVENTS);
    return sums;
}

static void a_writer_who_writes_all_the_while_loses_no_write(void **state)
{
    struct world *world = world_of_events(EVENTS);
    struct plan_step *step = upgrade_step(world, 4);
    struct driver_result result;
    struct writer writer;
    struct sums sums;
    int64_t writes;

    (void)state;
    writer = writer_start(world);
    writing = &writer;
    wait_for_writes(2 * EVENTS); /* nobody has to be lucky for the two to meet: most events have what the writer changes */
    world->at_point = let_the_writer_write;
    result = world_apply(world, step);
    writes = writer_stop(&writer);
    assert_int_equal(result.affected, EVENTS);
    assert_null(strstr(result.detail.data, "\"read_again\":0,")); /* the two did meet */
    sums = add_up(world);
    assert_int_equal(sums.writes, writes);
    assert_int_equal(sums.latest, EVENTS);
    assert_int_equal(sums.fresh, writes / 20);

    /* On the way back, too: what it wrote to since stays upgraded, everything else is as it was. */
    writer = writer_start(world);
    world_undo(world, step);
    writes += writer_stop(&writer);
    sums = add_up(world);
    assert_int_equal(sums.writes, writes);
    assert_true(sums.older > 0);
    assert_int_equal(world_probe(world, step, true).state, PROBE_DONE);
    world_destroy(world);
}

/* --- limits on what is consumed, by the service's own numbers and a clock of the test
 * ------------------------------------------------ */

enum { CLOCK_STEP_MS = 2 };

static int64_t scripted_ms, started_ms, upgraded;
static double limit;

/* Each look at the clock takes two milliseconds: an hour of waiting is over at once. */
static int64_t scripted_now(void *context)
{
    (void)context;
    return scripted_ms += CLOCK_STEP_MS;
}

/* Behind each event are a put and an update, 1 and 0.5 units as moto counts: so many units cannot have been consumed
 * yet. One second's worth may go at once. */
static void check_write_limit(struct world *world, const char *name)
{
    (void)world;
    if (strcmp(name, "ddb.upgrade.after_event") != 0)
        return;
    upgraded++;
    assert_true((double)upgraded * 1.5 <= limit * (double)(scripted_ms - started_ms) / 1000 + limit + 1);
}

static struct driver_result apply_limited(struct world *world, const char *limits)
{
    struct plan_step *step = upgrade_step_of(
        world, arena_printf(&world->arena,
                   "{`event`:`Created`,`to`:3,`strategy`:`in_place`,`segments`:8,`only`:null,%s," UPCASTS "}", limits));
    struct driver_result result;

    world->env.now_ms = scripted_now;
    started_ms = scripted_ms;
    result = world_apply(world, step);
    world->env.now_ms = world_now;
    return result;
}

static void max_wcu_is_never_exceeded(void **state)
{
    struct world *world = world_of_events(60);
    struct driver_result result;
    double seconds;

    (void)state;
    limit = 30;
    upgraded = 0;
    world->at_point = check_write_limit;
    result = apply_limited(world, "`max_wcu`:30,`max_rcu`:null");
    seconds = (double)(scripted_ms - started_ms) / 1000;
    assert_int_equal(upgraded, 60);
    assert_true(result.units.write >= 60); /* and as much for the pre-images */
    assert_true(2 * result.units.write <= limit * seconds + limit + 1);
    world_destroy(world);
}

static void max_rcu_is_never_exceeded(void **state)
{
    struct world *world = world_of_events(60);
    struct driver_result result;
    double seconds;

    (void)state;
    limit = 2;
    result = apply_limited(world, "`max_wcu`:null,`max_rcu`:2");
    seconds = (double)(scripted_ms - started_ms) / 1000;
    assert_int_equal(result.affected, 60);
    /* What a page consumes is known when it is there: the pages under way may be too many, and are waited for
     * afterwards. */
    assert_true(result.units.read > 4);
    assert_true(result.units.read <= limit * seconds + limit + 4);
    world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_writer_who_writes_all_the_while_loses_no_write),
        cmocka_unit_test(max_wcu_is_never_exceeded),
        cmocka_unit_test(max_rcu_is_never_exceeded),
    };

    if (!world_available())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
