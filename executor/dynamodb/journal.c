#include <stdio.h>
#include <string.h>
#include <time.h>

#include "executor/dynamodb/dynamodb.h"
#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/base/digest.h"
#include "spec/exit.h"

enum { WRITE_TRIES = 8, WRITE_PAUSE_MS = 50 };

void journal_time(const struct dynamodb_driver *driver, char out[32])
{
    int64_t wall_ms = aws_client_wall_ms(driver->client);
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    size_t len;

    if (!gmtime_r(&seconds, &utc))
        BUG("time %lld", (long long)wall_ms);
    len = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out + len, 32 - len, ".%03dZ", (int)(wall_ms % 1000));
}

/* --- texts: in the row itself, or in pieces of their own when they are large ------------------------------------------- */

/* The longest part of text of at most JOURNAL_PIECE_MAX_BYTES that does not cut a UTF-8 sequence. */
static size_t piece_len(struct str text)
{
    size_t len = text.len;

    if (len <= JOURNAL_PIECE_MAX_BYTES)
        return len;
    len = JOURNAL_PIECE_MAX_BYTES;
    while (len > JOURNAL_PIECE_MAX_BYTES - 4 && ((unsigned char)text.data[len] & 0xC0) == 0x80)
        len--;
    return len;
}

/* Pieces are named by the whole text's digest: writing them again, or for another row, changes nothing. */
static bool write_pieces(struct dynamodb_driver *driver, struct str text, const char *digest, int64_t *count,
    struct error *error)
{
    for (*count = 0; text.len; (*count)++) {
        struct str piece = {text.data, piece_len(text)};
        struct strbuf body = STRBUF_INIT;
        struct arena arena = ARENA_INIT;
        char pk[80];
        bool ok;

        snprintf(pk, sizeof(pk), "text:%s", digest);
        aws_format(&body, "{'TableName':%s,'Item':{'pk':{'S':%s},'sk':{'N':%N},'text':{'S':%S}}}", driver->journal_table, pk,
            *count, &piece);
        ok = dynamodb_call(driver, &arena, "PutItem", &body, NULL, error);
        arena_free(&arena);
        if (!ok)
            return false;
        text.data += piece.len;
        text.len -= piece.len;
    }
    return true;
}

/* Appends ,"NAME":{"S":…}, or the digest and number of the pieces that hold the text. */
static bool append_text(struct dynamodb_driver *driver, struct strbuf *item, const char *name, struct str text,
    struct error *error)
{
    struct digest digest;
    int64_t count;

    if (text.len == 0)
        return true;
    if (text.len <= JOURNAL_INLINE_MAX_BYTES) {
        aws_format(item, ",%s:{'S':%S}", name, &text);
        return true;
    }
    digest = digest_of(text);
    if (!write_pieces(driver, text, digest.hex, &count, error))
        return false;
    aws_format(item, ",%s:{'M':{'digest':{'S':%s},'pieces':{'N':%N}}}", name, digest.hex, count);
    return true;
}

struct gathering {
    struct strbuf text;
    int64_t next;
};

static bool gather_piece(void *context, const struct json *item, struct error *error)
{
    struct gathering *gathering = context;
    int64_t number;

    if (!dynamodb_item_number(item, "sk", &number) || number != gathering->next)
        return error_set(error, EXIT_STATUS_HISTORY, "a piece of a text in the ledger is missing");
    gathering->next++;
    strbuf_append_str(&gathering->text, dynamodb_item_text(item, "text"));
    return true;
}

/* --- reading ------------------------------------------------------------------------------------------------------------ */

struct reading {
    struct dynamodb_driver *driver;
    struct arena *arena;
    struct ledger *ledger;
    struct map texts; /* digest → struct str, of texts in pieces */
};

static bool read_pieces(struct reading *reading, const char *digest, struct str *out, struct error *error)
{
    const struct str *known = map_get(&reading->texts, str_from(digest));
    struct gathering gathering = {.text = STRBUF_INIT};
    struct str *text;
    char pk[80];
    bool ok;

    if (known) {
        *out = *known;
        return true;
    }
    snprintf(pk, sizeof(pk), "text:%s", digest);
    ok = dynamodb_journal_query(reading->driver, pk, gather_piece, &gathering, error);
    if (ok && strcmp(digest_of(strbuf_view(&gathering.text)).hex, digest) != 0)
        ok = error_set(error, EXIT_STATUS_HISTORY, "a text of the ledger is not the one with digest '%s'", digest);
    if (ok) {
        text = ARENA_NEW(reading->arena, struct str);
        *text = strbuf_copy(&gathering.text, reading->arena);
        map_put(&reading->texts, str_from(arena_strdup(reading->arena, digest)), text);
        *out = *text;
    }
    strbuf_free(&gathering.text);
    return ok;
}

static bool read_text(struct reading *reading, const struct json *item, const char *name, struct str *out,
    struct error *error)
{
    const struct json *pieces = json_get(json_get(item, name), "M");

    if (pieces) {
        struct str digest = dynamodb_item_text(pieces, "digest");

        if (!digest_is_hex(digest))
            return error_set(error, EXIT_STATUS_HISTORY, "'%s' of a row of the ledger is damaged", name);
        return read_pieces(reading, arena_strndup(reading->arena, digest.data, digest.len), out, error);
    }
    *out = str_copy(reading->arena, dynamodb_item_text(item, name));
    return true;
}

static const char *text_of(struct reading *reading, const struct json *item, const char *name)
{
    return str_copy(reading->arena, dynamodb_item_text(item, name)).data;
}

static bool read_row(void *context, const struct json *item, struct error *error)
{
    struct reading *reading = context;
    struct ledger_row row = {0};

    if (!dynamodb_item_number(item, "sk", &row.seq) || !dynamodb_item_number(item, "run_seq", &row.run_seq) ||
        !dynamodb_item_number(item, "attempt", &row.attempt) || !dynamodb_item_number(item, "token", &row.token) ||
        !ledger_event_from_name(dynamodb_item_text(item, "event"), &row.event))
        return error_set(error, EXIT_STATUS_HISTORY, "row %lld of the ledger in table '%s' is damaged",
            (long long)reading->ledger->rows.count + 1, reading->driver->journal_table);
    row.prev_hash = text_of(reading, item, "prev_hash");
    row.hash = text_of(reading, item, "hash");
    row.run = text_of(reading, item, "run");
    row.step = text_of(reading, item, "step");
    row.source_digest = text_of(reading, item, "source_digest");
    row.effect_digest = text_of(reading, item, "effect_digest");
    row.plan_digest = text_of(reading, item, "plan_digest");
    row.at = text_of(reading, item, "at");
    if (!read_text(reading, item, "step_line", &row.step_line, error) ||
        !read_text(reading, item, "observed", &row.observed, error) || !read_text(reading, item, "note", &row.note, error))
        return false;
    VEC_PUSH(reading->arena, &reading->ledger->rows, row);
    return true;
}

static bool read_head(struct dynamodb_driver *driver, struct error *error)
{
    struct arena arena = ARENA_INIT;
    const struct json *item;
    bool ok = dynamodb_journal_get(driver, &arena, "head", 0, &item, error);

    if (ok) {
        driver->head_seq = 0;
        driver->head_hash[0] = '\0';
    }
    if (ok && item) {
        struct str hash = dynamodb_item_text(item, "hash");

        ok = dynamodb_item_number(item, "seq", &driver->head_seq) && digest_is_hex(hash);
        if (ok)
            snprintf(driver->head_hash, sizeof(driver->head_hash), "%.*s", STR_ARG(hash));
        else
            error_set(error, EXIT_STATUS_HISTORY, "the head of the ledger in table '%s' is damaged", driver->journal_table);
    }
    arena_free(&arena);
    driver->head_known = ok;
    return ok;
}

static void note_started(struct dynamodb_driver *driver, const char *step, enum ledger_event event)
{
    if (event == LEDGER_EVENT_STARTED)
        map_put(&driver->started, str_from(arena_strdup(driver->base.arena, step)), driver);
    else
        map_remove(&driver->started, str_from(step));
}

bool journal_read(struct dynamodb_driver *driver, struct arena *arena, struct ledger *out, struct error *error)
{
    struct reading reading = {.driver = driver, .arena = arena, .ledger = out};
    size_t count;

    memset(out, 0, sizeof(*out));
    out->head_hash = "";
    map_init(&reading.texts, arena);
    /* The head first: rows that are written while we read (by whoever holds the lease) only make the list longer. */
    if (!read_head(driver, error) || !dynamodb_journal_query(driver, "ledger", read_row, &reading, error))
        return false;
    count = out->rows.count;
    if ((int64_t)count < driver->head_seq ||
        (driver->head_seq > 0 && strcmp(out->rows.items[driver->head_seq - 1].hash, driver->head_hash) != 0))
        return error_set(error, EXIT_STATUS_HISTORY, "the ledger in table '%s' has lost rows: its head is row %lld, it "
            "holds %zu", driver->journal_table, (long long)driver->head_seq, count);
    if (count)
        out->head_hash = out->rows.items[count - 1].hash;
    for (size_t i = 0; i < count; i++)
        note_started(driver, out->rows.items[i].step, out->rows.items[i].event);
    return true;
}

/* --- writing ------------------------------------------------------------------------------------------------------------ */

/* The transaction's three actions, in this order. */
enum { ACTION_LEASE, ACTION_ROW, ACTION_HEAD, ACTION_COUNT };

static bool compose_row(struct dynamodb_driver *driver, const struct ledger_row *row, struct strbuf *out,
    struct error *error)
{
    aws_format(out, "{'pk':{'S':'ledger'},'sk':{'N':%N},'prev_hash':{'S':%s},'hash':{'S':%s},'run':{'S':%s},"
        "'run_seq':{'N':%N},'step':{'S':%s},'attempt':{'N':%N},'event':{'S':%s},'source_digest':{'S':%s},"
        "'effect_digest':{'S':%s},'plan_digest':{'S':%s},'token':{'N':%N},'at':{'S':%s}",
        row->seq, row->prev_hash, row->hash, row->run, row->run_seq, row->step, row->attempt,
        ledger_event_name(row->event), row->source_digest, row->effect_digest, row->plan_digest, row->token, row->at);
    if (!append_text(driver, out, "step_line", row->step_line, error) ||
        !append_text(driver, out, "observed", row->observed, error) || !append_text(driver, out, "note", row->note, error))
        return false;
    strbuf_append_char(out, '}');
    return true;
}

static void compose_transaction(const struct dynamodb_driver *driver, const struct ledger_row *row, const char *item,
    struct strbuf *out)
{
    const char *table = driver->journal_table;
    char request_token[33]; /* of at most 36 characters; the row's own, so that a repeated request is the same one */

    snprintf(request_token, sizeof(request_token), "%.32s", row->hash);
    aws_format(out, "{'ClientRequestToken':%s,'TransactItems':[{'ConditionCheck':{'TableName':%s,'Key':{'pk':{'S':'lease'},"
        "'sk':{'N':'0'}},'ConditionExpression':'#token = :token','ExpressionAttributeNames':{'#token':'token'},"
        "'ExpressionAttributeValues':{':token':{'N':%N}}}},{'Put':{'TableName':%s,'Item':%r,'ConditionExpression':"
        "'attribute_not_exists(pk)'}},{'Put':{'TableName':%s,'Item':{'pk':{'S':'head'},'sk':{'N':'0'},'seq':{'N':%N},"
        "'hash':{'S':%s}}",
        request_token, table, row->token, table, item, table, row->seq, row->hash);
    if (row->seq == 1)
        aws_format(out, ",'ConditionExpression':'attribute_not_exists(pk)'}}]}");
    else
        aws_format(out, ",'ConditionExpression':'seq = :seq AND #hash = :hash','ExpressionAttributeNames':{'#hash':'hash'},"
            "'ExpressionAttributeValues':{':seq':{'N':%N},':hash':{'S':%s}}}}]}", row->seq - 1, row->prev_hash);
}

struct cancellation {
    bool conflict;             /* only for a moment: try again */
    bool failed[ACTION_COUNT]; /* whose condition did not hold */
};

static void read_cancellation(const struct json *answer, struct cancellation *out)
{
    const struct json *reasons = json_get(answer, "CancellationReasons");

    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        struct str code = json_text(json_get(json_at(reasons, i), "Code"));

        out->failed[i] = str_is(code, "ConditionalCheckFailed");
        out->conflict = out->conflict || str_is(code, "TransactionConflict") || str_is(code, "ThrottlingError") ||
            str_is(code, "ProvisionedThroughputExceeded");
    }
}

/* Whether this very row is there: its answer may have been lost. */
static bool row_is_written(struct dynamodb_driver *driver, const struct ledger_row *row, bool *written,
    struct error *error)
{
    struct arena arena = ARENA_INIT;
    const struct json *item;
    bool ok = dynamodb_journal_get(driver, &arena, "ledger", row->seq, &item, error);

    *written = ok && item && str_is(dynamodb_item_text(item, "hash"), row->hash);
    arena_free(&arena);
    return ok;
}

static bool explain_refusal(struct dynamodb_driver *driver, const struct ledger_row *row,
    const struct cancellation *cancellation, struct error *error)
{
    driver->head_known = false;
    if (cancellation->failed[ACTION_LEASE]) {
        driver->lease.held = false;
        error_set(error, EXIT_STATUS_LEASE, "the lease on table '%s' was lost: row %lld of the ledger was not written",
            driver->registry_table, (long long)row->seq);
        return error_help(error, "another run took over; nothing more is written by this one");
    }
    return error_set(error, EXIT_STATUS_HISTORY, "row %lld of the ledger in table '%s' is there already, and not ours",
        (long long)row->seq, driver->journal_table);
}

static bool send_row(struct dynamodb_driver *driver, const struct ledger_row *row, struct str transaction,
    struct error *error)
{
    for (int i = 0; i < WRITE_TRIES; i++) {
        struct arena arena = ARENA_INIT;
        struct aws_call call = {
            .service = &AWS_SERVICE_DYNAMODB, .action = "TransactWriteItems", .body = transaction, .arena = &arena};
        bool ok = aws_call_wait(driver->client, &call), written = ok, known = true;
        struct cancellation cancellation = {0};
        struct error lookup;

        dynamodb_count_units(driver, &call, NULL);
        *error = call.error;
        if (!ok && dynamodb_is(error, "TransactionCanceledException"))
            read_cancellation(call.json, &cancellation);
        else if (!ok && dynamodb_is(error, "TransactionConflictException"))
            cancellation.conflict = true;
        else if (!ok && !error->outcome_unknown && !dynamodb_is(error, "IdempotentParameterMismatchException"))
            known = false;
        arena_free(&arena);
        if (ok)
            return true;
        if (known && !row_is_written(driver, row, &written, &lookup))
            return false;
        if (written)
            return true;
        if (cancellation.failed[ACTION_LEASE] || cancellation.failed[ACTION_ROW] || cancellation.failed[ACTION_HEAD])
            return explain_refusal(driver, row, &cancellation, error);
        if (!cancellation.conflict)
            return false;
        aws_client_sleep(driver->client, (int64_t)WRITE_PAUSE_MS << i);
    }
    return false;
}

bool journal_write(struct dynamodb_driver *driver, const struct driver_journal *journal, int64_t offset,
    const struct ledger_entry *entry, struct str observed, struct error *error)
{
    struct strbuf note = STRBUF_INIT, item = STRBUF_INIT, transaction = STRBUF_INIT;
    char at[32], prev_hash[65];
    struct digest digest;
    struct ledger_row row;
    bool ok;

    if (!driver->lease.held)
        return error_set(error, EXIT_STATUS_LEASE, "the lease on table '%s' is not held", driver->registry_table);
    if (!driver->head_known && !read_head(driver, error))
        return false;
    journal_time(driver, at);
    memcpy(prev_hash, driver->head_hash, sizeof(prev_hash));
    if (entry->note)
        json_write(&note, entry->note);
    row = (struct ledger_row){
        .seq = driver->head_seq + 1,
        .prev_hash = prev_hash,
        .run = journal->run,
        .run_seq = journal->run_seq + offset,
        .step = entry->step->id,
        .attempt = entry->attempt,
        .event = entry->event,
        .source_digest = entry->step->source_digest,
        .effect_digest = entry->step->effect_digest,
        .plan_digest = journal->plan_digest,
        .step_line = entry->step->line,
        .observed = observed,
        .token = driver->lease.token,
        .at = at,
        .note = strbuf_view(&note),
    };
    digest = ledger_row_hash(&row);
    row.hash = digest.hex;
    ok = compose_row(driver, &row, &item, error);
    if (ok) {
        compose_transaction(driver, &row, item.data, &transaction);
        dynamodb_ask_units("TransactWriteItems", &transaction);
        dynamodb_point(driver, "ddb.journal.before_write");
        ok = send_row(driver, &row, strbuf_view(&transaction), error);
    }
    if (ok) {
        driver->head_seq = row.seq;
        memcpy(driver->head_hash, digest.hex, sizeof(driver->head_hash));
        note_started(driver, row.step, row.event);
        dynamodb_point(driver, "ddb.journal.after_write");
    }
    strbuf_free(&note);
    strbuf_free(&item);
    strbuf_free(&transaction);
    return ok;
}
