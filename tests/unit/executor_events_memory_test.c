/*
 * Memory while events are upgraded does not depend on how many there are. The table is made up: a small server in a
 * child process answers each page of a scan from its number, and takes every write. INVPLAN_TEST_EVENTS="SMALL LARGE"
 * asks for other sizes than the ones that a short test can afford.
 */
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "executor/events/pump.h"
#include "tests/unit/events_world.h"

#if defined(__has_feature)
#define HAS_FEATURE(feature) __has_feature(feature)
#else
#define HAS_FEATURE(feature) 0
#endif

enum {
    SEGMENTS = 8,
    PAGE = 100,
    CONNECTIONS_MAX = 2 * (PUMP_SLOTS + PUMP_LANES),
    REQUEST_MAX_BYTES = 64 * 1024,
/* What may differ by chance: how far the pages and the requests of a moment fill their arenas. */
#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
    SLACK_KB = 512 * 1024, /* it keeps what was freed for a while */
#else
    SLACK_KB = 1536,
#endif
};

/* --- the server --------------------------------------------------------------------------------------------------- */

struct connection {
    int fd; /* -1: free */
    struct strbuf in;
};

static int64_t number_behind(const char *text, const char *key, int64_t fallback)
{
    const char *at = strstr(text, key);

    return at ? strtoll(at + strlen(key), NULL, 10) : fallback;
}

static void answer_scan(const char *body, int64_t per_segment, struct strbuf *out)
{
    int64_t segment = number_behind(body, "\"Segment\":", 0), from = 0, last;
    const char *start = strstr(body, "ExclusiveStartKey");

    if (start)
        from = number_behind(start, "\"seq\":{\"N\":\"", 0) + 1;
    last = from + PAGE < per_segment ? from + PAGE : per_segment;
    strbuf_append_text(out, "{\"ConsumedCapacity\":{\"CapacityUnits\":12.5},\"Items\":[");
    for (int64_t i = from; i < last; i++)
        strbuf_printf(out,
            "%s{\"stream\":{\"S\":\"s%lld\"},\"seq\":{\"N\":\"%lld\"},\"eventType\":{\"S\":\"Created\"},\"count\":"
            "{\"N\":\"0\"},\"old\":{\"S\":\"x\"},\"text\":{\"S\":\"%0200lld\"},\"tags\":{\"SS\":[\"a\",\"b\"]},"
            "\"list\":{\"L\":["
            "{\"M\":{\"n\":{\"N\":\"%lld.5\"}}}]}}",
            i > from ? "," : "", (long long)segment, (long long)i, (long long)i, (long long)i);
    strbuf_append_char(out, ']');
    if (last < per_segment)
        strbuf_printf(out, ",\"LastEvaluatedKey\":{\"stream\":{\"S\":\"s%lld\"},\"seq\":{\"N\":\"%lld\"}}",
            (long long)segment, (long long)last - 1);
    strbuf_append_char(out, '}');
}

static void answer(const char *head, const char *body, int64_t per_segment, struct strbuf *out)
{
    struct strbuf text = STRBUF_INIT;

    if (strstr(head, ".DescribeTable\r"))
        strbuf_printf(&text,
            "{\"Table\":{\"TableStatus\":\"ACTIVE\",\"ItemCount\":%lld,\"KeySchema\":[{\"AttributeName\":"
            "\"stream\",\"KeyType\":\"HASH\"},{\"AttributeName\":\"seq\",\"KeyType\":\"RANGE\"}],"
            "\"AttributeDefinitions\":[]}}",
            (long long)per_segment * SEGMENTS);
    else if (strstr(head, ".Scan\r"))
        answer_scan(body, per_segment, &text);
    else if (strstr(head, ".Query\r"))
        strbuf_append_text(&text, "{\"Items\":[]}");
    else
        strbuf_append_text(&text, "{\"ConsumedCapacity\":{\"CapacityUnits\":1.0}}");
    strbuf_printf(
        out, "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %zu\r\n\r\n", text.len);
    strbuf_append(out, text.data, text.len);
    strbuf_free(&text);
}

/* Answers every whole request that has come; false when the other side is gone. */
static bool serve(struct connection *connection, int64_t per_segment)
{
    char piece[16384];
    ssize_t got = read(connection->fd, piece, sizeof(piece));
    struct strbuf out = STRBUF_INIT;
    const char *end;

    if (got <= 0)
        return false;
    strbuf_append(&connection->in, piece, (size_t)got);
    while (connection->in.len && (end = strstr(connection->in.data, "\r\n\r\n")) != NULL) {
        size_t head = (size_t)(end - connection->in.data) + 4;
        size_t whole = head + (size_t)number_behind(connection->in.data, "Content-Length: ", 0);
        char *body;

        assert_true(whole < REQUEST_MAX_BYTES);
        if (connection->in.len < whole)
            break;
        body = strndup(connection->in.data + head, whole - head);
        connection->in.data[head - 2] = '\0';
        answer(connection->in.data, body, per_segment, &out);
        free(body);
        memmove(connection->in.data, connection->in.data + whole, connection->in.len - whole + 1);
        connection->in.len -= whole;
    }
    for (size_t sent = 0; sent < out.len;) {
        ssize_t wrote = write(connection->fd, out.data + sent, out.len - sent);

        if (wrote <= 0)
            break;
        sent += (size_t)wrote;
    }
    strbuf_free(&out);
    return true;
}

/* Until the other end of `stop` is closed. */
static void serve_all(int listening, int stop, int64_t per_segment)
{
    static struct connection connections[CONNECTIONS_MAX];
    struct pollfd fds[CONNECTIONS_MAX + 2];

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        connections[i].fd = -1;
    for (;;) {
        fds[0] = (struct pollfd){.fd = stop, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = listening, .events = POLLIN};
        for (size_t i = 0; i < CONNECTIONS_MAX; i++)
            fds[i + 2] = (struct pollfd){.fd = connections[i].fd, .events = POLLIN};
        if (poll(fds, CONNECTIONS_MAX + 2, -1) < 0 || fds[0].revents)
            _exit(0);
        for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
            if (connections[i].fd >= 0 && fds[i + 2].revents && !serve(&connections[i], per_segment)) {
                close(connections[i].fd);
                strbuf_free(&connections[i].in);
                connections[i] = (struct connection){.fd = -1};
            } else if (connections[i].fd < 0 && fds[1].revents) {
                connections[i].fd = accept(listening, NULL, NULL);
                fds[1].revents = 0;
            }
        }
    }
}

struct server {
    pid_t process;
    int stop;
    char endpoint[64];
};

static struct server server_start(int64_t per_segment)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int listening = socket(AF_INET, SOCK_STREAM, 0), ends[2];
    struct server server;

    assert_true(listening >= 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listening, CONNECTIONS_MAX), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(pipe(ends), 0);
    snprintf(server.endpoint, sizeof(server.endpoint), "http://127.0.0.1:%d", ntohs(address.sin_port));
    fflush(stdout);
    server.process = fork();
    assert_true(server.process >= 0);
    if (server.process == 0) {
        close(ends[1]);
        serve_all(listening, ends[0], per_segment);
    }
    close(ends[0]);
    close(listening);
    server.stop = ends[1];
    return server;
}

static void server_end(const struct server *server)
{
    close(server->stop);
    assert_int_equal(waitpid(server->process, NULL, 0), server->process);
}

/* --- the upgrade, in a process of its own ------------------------------------------------------------------------- */

struct outcome {
    int64_t upgraded;
    long peak_kb;
};

static void upgrade_and_tell(const char *endpoint, int out)
{
    struct world *world = world_create();
    struct driver_result result = {0};
    struct rusage usage;
    struct error error;
    struct outcome outcome;

    world->endpoint = endpoint;
    world->plan.targets.count = 0;
    world_init_plan(world);
    world_open(world);
    if (!upgrade_run((struct dynamodb_driver *)world->driver, upgrade_step(world, SEGMENTS), &result, &error)) {
        fprintf(stderr, "# %s\n", error.message);
        _exit(1);
    }
    getrusage(RUSAGE_SELF, &usage);
    outcome = (struct outcome){result.affected, usage.ru_maxrss};
    _exit(write(out, &outcome, sizeof(outcome)) == (ssize_t)sizeof(outcome) ? 0 : 1);
}

static struct outcome upgrade_of(int64_t events)
{
    struct server server = server_start(events / SEGMENTS);
    struct outcome outcome;
    pid_t child;
    int ends[2], status;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        upgrade_and_tell(server.endpoint, ends[1]);
    close(ends[1]);
    assert_int_equal(read(ends[0], &outcome, sizeof(outcome)), sizeof(outcome));
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    server_end(&server);
    assert_int_equal(outcome.upgraded, events / SEGMENTS * SEGMENTS);
    return outcome;
}

static void ten_times_the_events_take_no_more_memory(void **state)
{
    const char *sizes = getenv("INVPLAN_TEST_EVENTS");
    int64_t small = 2000, large = 20000;
    struct outcome few, many;
    char *end;

    (void)state;
    if (sizes) {
        small = strtoll(sizes, &end, 10);
        large = strtoll(end, NULL, 10);
    }
    few = upgrade_of(small);
    many = upgrade_of(large);
    printf("# peak memory: %ld KB for %lld events, %ld KB for %lld\n", few.peak_kb, (long long)small, many.peak_kb,
        (long long)large);
    assert_true(many.peak_kb <= few.peak_kb + SLACK_KB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_times_the_events_take_no_more_memory),
    };

    setenv("AWS_ACCESS_KEY_ID", "test", 0);
    setenv("AWS_SECRET_ACCESS_KEY", "test", 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
