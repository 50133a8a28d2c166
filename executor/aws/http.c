#include "executor/aws/http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "spec/base/arena.h"
#include "spec/base/bug.h"

struct http_handle {
    struct http_exchange *exchange; /* NULL: free */
    CURL *easy;
    struct curl_slist *headers;
    char error_buffer[CURL_ERROR_SIZE];
    bool too_large;
};

struct http {
    CURLM *multi;
    const char *ca_file;
    struct http_handle handles[HTTP_IN_FLIGHT_MAX];
    size_t used; /* handles[0..used) were ever used */
};

struct http *http_create(struct arena *arena, const char *ca_file)
{
    struct http *http = ARENA_NEW(arena, struct http);

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        BUG("libcurl cannot be initialised");
    http->multi = curl_multi_init();
    if (!http->multi)
        BUG("out of memory");
    http->ca_file = ca_file;
    return http;
}

static void handle_detach(struct http *http, struct http_handle *handle)
{
    curl_multi_remove_handle(http->multi, handle->easy);
    curl_slist_free_all(handle->headers);
    handle->headers = NULL;
    handle->exchange->handle = NULL;
    handle->exchange = NULL;
}

void http_destroy(struct http *http)
{
    for (size_t i = 0; i < http->used; i++) {
        if (http->handles[i].exchange)
            handle_detach(http, &http->handles[i]);
        curl_easy_cleanup(http->handles[i].easy);
    }
    curl_multi_cleanup(http->multi);
    curl_global_cleanup();
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct http_handle *handle = context;
    size_t len = size * count;

    if (handle->exchange->answer.len + len > HTTP_RESPONSE_MAX_BYTES) {
        handle->too_large = true;
        return 0;
    }
    strbuf_append(&handle->exchange->answer, data, len);
    return len;
}

static void keep_header(struct str line, const char *name, char *out, size_t out_size)
{
    size_t name_len = strlen(name);
    struct str value;

    if (line.len <= name_len || line.data[name_len] != ':' || strncasecmp(line.data, name, name_len) != 0)
        return;
    value = str_trim((struct str){line.data + name_len + 1, line.len - name_len - 1});
    if (value.len >= out_size)
        return;
    memcpy(out, value.data, value.len);
    out[value.len] = '\0';
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
    struct http_exchange *exchange = ((struct http_handle *)context)->exchange;
    struct str line = {data, size * count};
    char date[64] = "";

    keep_header(line, "Date", date, sizeof(date));
    if (date[0])
        exchange->date_s = (int64_t)curl_getdate(date, NULL);
    keep_header(line, "x-amz-crc32", exchange->crc32, sizeof(exchange->crc32));
    keep_header(line, "x-amz-retry-after", exchange->retry_after, sizeof(exchange->retry_after));
    keep_header(line, "x-amzn-RequestId", exchange->request_id, sizeof(exchange->request_id));
    return line.len;
}

/* Loopback, and the link-local addresses of metadata services: never through a proxy. */
static bool is_local(const char *url)
{
    const char *host = strstr(url, "://");

    host = host ? host + 3 : url;
    return strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0 ||
        strncmp(host, "169.254.", 8) == 0 || strncmp(host, "[fd00:ec2::", 11) == 0 ||
        (strncmp(host, "localhost", 9) == 0 && strchr(":/", host[9]));
}

static struct http_handle *handle_take(struct http *http)
{
    for (size_t i = 0; i < http->used; i++)
        if (!http->handles[i].exchange)
            return &http->handles[i];
    if (http->used == HTTP_IN_FLIGHT_MAX)
        return NULL;
    http->handles[http->used].easy = curl_easy_init();
    if (!http->handles[http->used].easy)
        BUG("out of memory");
    return &http->handles[http->used++];
}

static void handle_set_options(const struct http *http, struct http_handle *handle)
{
    const struct http_exchange *exchange = handle->exchange;
    CURL *easy = handle->easy;

    curl_easy_reset(easy); /* keeps the connections */
    curl_easy_setopt(easy, CURLOPT_URL, exchange->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, handle);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, handle->error_buffer);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)HTTP_CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)exchange->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (http->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, http->ca_file);
    if (is_local(exchange->url))
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, handle->headers);
    if (strcmp(exchange->method, "GET") != 0) {
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, exchange->method);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, exchange->body.data);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)exchange->body.len);
    }
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, handle);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, handle);
}

static void exchange_reset(struct http_exchange *exchange)
{
    exchange->done = false;
    exchange->status = 0;
    exchange->maybe_sent = false;
    strbuf_clear(&exchange->answer);
    exchange->date_s = -1;
    exchange->crc32[0] = exchange->retry_after[0] = exchange->request_id[0] = '\0';
    exchange->error_text[0] = '\0';
}

bool http_start(struct http *http, struct http_exchange *exchange)
{
    struct http_handle *handle = handle_take(http);

    if (!handle)
        return false;
    exchange_reset(exchange);
    exchange->handle = handle;
    handle->exchange = exchange;
    handle->too_large = false;
    handle->error_buffer[0] = '\0';
    for (const char *const *header = exchange->headers; header && *header; header++) {
        struct curl_slist *list = curl_slist_append(handle->headers, *header);

        if (!list)
            BUG("out of memory");
        handle->headers = list;
    }
    handle_set_options(http, handle);
    if (curl_multi_add_handle(http->multi, handle->easy) != CURLM_OK)
        BUG("libcurl refuses a request");
    return true;
}

/* Whether the server can have seen the request: not when the connection was never made. */
static bool may_have_been_sent(CURLcode code)
{
    switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return false;
    default:
        return true;
    }
}

static void handle_complete(struct http *http, struct http_handle *handle, CURLcode code)
{
    struct http_exchange *exchange = handle->exchange;
    long status = 0;

    if (code == CURLE_OK) {
        curl_easy_getinfo(handle->easy, CURLINFO_RESPONSE_CODE, &status);
        exchange->status = (int)status;
    } else {
        const char *text = handle->error_buffer[0] ? handle->error_buffer : curl_easy_strerror(code);
        curl_off_t connect_us = 0;

        if (handle->too_large)
            text = "the answer is too large";
        curl_easy_getinfo(handle->easy, CURLINFO_CONNECT_TIME_T, &connect_us);
        exchange->maybe_sent = may_have_been_sent(code) && connect_us > 0;
        snprintf(exchange->error_text, sizeof(exchange->error_text), "%s", text);
    }
    handle_detach(http, handle);
    exchange->done = true;
}

void http_poll(struct http *http, int64_t wait_ms)
{
    struct CURLMsg *message;
    int running, left;

    curl_multi_perform(http->multi, &running);
    message = curl_multi_info_read(http->multi, &left);
    if (!message && wait_ms > 0) {
        curl_multi_poll(http->multi, NULL, 0, (int)wait_ms, NULL);
        curl_multi_perform(http->multi, &running);
        message = curl_multi_info_read(http->multi, &left);
    }
    for (; message; message = curl_multi_info_read(http->multi, &left)) {
        struct http_handle *handle = NULL;
        CURLcode code = message->data.result;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&handle);
        handle_complete(http, handle, code);
    }
}

void http_finish(struct http *http, struct http_exchange *exchange)
{
    if (exchange->handle)
        handle_detach(http, exchange->handle);
    if (exchange->secret)
        strbuf_free_secret(&exchange->answer);
    strbuf_free(&exchange->answer);
}
