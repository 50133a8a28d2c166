/*
 * A server of canned answers: a child process on 127.0.0.1 that answers the n-th request with the n-th answer and closes
 * the connection. `endpoint` is its address.
 */
#ifndef TESTS_UNIT_CANNED_SERVER_H
#define TESTS_UNIT_CANNED_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "executor/aws/http.h"

enum { REQUEST_MAX = 64 * 1024, HUGE_BYTES = HTTP_RESPONSE_MAX_BYTES + 1024 * 1024 };

struct answer {
    const char *text;       /* the whole answer; NULL: the connection is closed without one */
    bool huge;              /* followed by HUGE_BYTES */
    const char *wanted;     /* the request must hold this, else the answer is a 418 */
};

static pid_t server;
static char endpoint[64];

static inline void read_request(int connection, char *out)
{
    size_t len = 0, wanted = 0;

    while (len + 1 < REQUEST_MAX) {
        ssize_t got = read(connection, out + len, REQUEST_MAX - 1 - len);
        char *end;

        if (got <= 0)
            break;
        len += (size_t)got;
        out[len] = '\0';
        end = strstr(out, "\r\n\r\n");
        if (end && !wanted) {
            char *length = strstr(out, "Content-Length: ");

            wanted = (size_t)(end - out) + 4 + (length ? (size_t)strtol(length + 16, NULL, 10) : 0);
        }
        if (wanted && len >= wanted)
            break;
    }
    out[len] = '\0';
}

static inline void write_all(int connection, const char *data, size_t len)
{
    while (len) {
        ssize_t sent = write(connection, data, len);

        if (sent <= 0)
            return;
        data += sent;
        len -= (size_t)sent;
    }
}

static _Noreturn inline void serve(int listener, const struct answer *answers, size_t count)
{
    static char request[REQUEST_MAX], block[1024 * 1024];

    signal(SIGPIPE, SIG_IGN);
    memset(block, ' ', sizeof(block));
    for (size_t i = 0; i < count; i++) {
        int connection = accept(listener, NULL, NULL);

        read_request(connection, request);
        if (answers[i].wanted && !strstr(request, answers[i].wanted)) {
            write_all(connection, "HTTP/1.1 418 x\r\nContent-Length: 0\r\n\r\n", 38);
        } else if (answers[i].text) {
            write_all(connection, answers[i].text, strlen(answers[i].text));
            for (size_t sent = 0; answers[i].huge && sent < HUGE_BYTES; sent += sizeof(block))
                write_all(connection, block, sizeof(block));
        }
        close(connection);
    }
    _exit(0);
}

static inline void start_server(const struct answer *answers, size_t count)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 16), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%d", ntohs(address.sin_port));
    fflush(stdout);
    server = fork();
    assert_true(server >= 0);
    if (server == 0)
        serve(listener, answers, count);
    close(listener);
}

/* All answers were asked for, and no more were wanted. */
static inline void assert_all_served(void)
{
    int status;

    assert_int_equal(waitpid(server, &status, 0), server);
    server = 0;
    assert_true(WIFEXITED(status));
}

static inline void stop_server(void)
{
    if (server > 0) {
        kill(server, SIGKILL);
        waitpid(server, NULL, 0);
    }
    server = 0;
}

#endif
