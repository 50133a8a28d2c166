#include "executor/progress.h"

#include <string.h>
#include <time.h>

#include "executor/redact.h"
#include "spec/base/arena.h"
#include "spec/base/json.h"
#include "spec/printable.h"

enum {
    REDRAW_EVERY_MS = 200,
    LINE_EVERY_MS = 30000, /* plain and json: a long step says that it lives */
    COLUMNS_DEFAULT = 80,
    BAR_WIDTH = 20,
};

#define COLOR_RESET "\033[0m"
#define COLOR_GREEN "\033[32m"
#define COLOR_YELLOW "\033[33m"
#define COLOR_RED "\033[31m"
#define COLOR_DIM "\033[2m"

void progress_init(struct progress *progress, FILE *out, enum progress_mode mode, bool color, int columns,
    const struct driver_env *clock)
{
    memset(progress, 0, sizeof(*progress));
    progress->out = out;
    progress->mode = mode;
    progress->color = color;
    progress->columns = columns > 0 ? columns : COLUMNS_DEFAULT;
    progress->clock = clock;
}

void progress_expect(struct progress *progress, size_t steps)
{
    progress->steps_total = steps;
    progress->steps_done = 0;
}

static int64_t now_ms(const struct progress *progress)
{
    return progress->clock->now_ms(progress->clock->context);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

/* Appends text for people: secrets blanked, nothing in it that could drive a terminal. */
static void append_safe(struct strbuf *out, const char *text, bool keep_lines)
{
    struct strbuf copy = STRBUF_INIT;

    strbuf_append_text(&copy, text);
    redact_text(copy.data);
    if (keep_lines)
        printable_append(out, strbuf_view(&copy));
    else
        printable_append_line(out, strbuf_view(&copy));
    strbuf_free(&copy);
}

static void write_out(struct progress *progress, const struct strbuf *buf)
{
    fwrite(buf->data, 1, buf->len, progress->out);
    fflush(progress->out);
}

static const char *color_of(const struct progress *progress, const char *outcome)
{
    if (!progress->color)
        return "";
    if (strcmp(outcome, "failed") == 0 || strcmp(outcome, "error") == 0)
        return COLOR_RED;
    if (strcmp(outcome, "warning") == 0 || strcmp(outcome, "adopted") == 0)
        return COLOR_YELLOW;
    return COLOR_GREEN;
}

static void append_duration(struct strbuf *out, int64_t ms)
{
    if (ms < 1000)
        strbuf_printf(out, "%lld ms", (long long)ms);
    else if (ms < 60000)
        strbuf_printf(out, "%lld.%lld s", (long long)(ms / 1000), (long long)(ms % 1000 / 100));
    else if (ms < 3600000)
        strbuf_printf(out, "%lldm%02llds", (long long)(ms / 60000), (long long)(ms / 1000 % 60));
    else
        strbuf_printf(out, "%lldh%02lldm", (long long)(ms / 3600000), (long long)(ms / 60000 % 60));
}

static struct json *event_new(struct progress *progress, struct arena *arena, const char *name)
{
    struct json *event = json_new(arena, JSON_OBJECT);
    int64_t wall_ms = progress->clock->wall_ms(progress->clock->context);
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    char day[32] = "";

    if (gmtime_r(&seconds, &utc))
        strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &utc);
    json_set_text(arena, event, "at", arena_printf(arena, "%s.%03dZ", day, (int)(wall_ms % 1000)));
    json_set_text(arena, event, "event", name);
    return event;
}

void progress_json(struct progress *progress, const struct json *value)
{
    struct strbuf buf = STRBUF_INIT;

    json_write(&buf, value);
    redact_text(buf.data);
    strbuf_append_char(&buf, '\n');
    write_out(progress, &buf);
    strbuf_free(&buf);
}

/* --- live lines --------------------------------------------------------------------------------------------------- */

static void append_bar(struct strbuf *out, const struct progress_live *live)
{
    int percent = live->done >= live->total ? 100 : (int)((double)live->done * 100 / (double)live->total);

    strbuf_append_text(out, " [");
    for (int i = 0; i < BAR_WIDTH; i++)
        strbuf_append_char(out, i < percent * BAR_WIDTH / 100 ? '#' : '.');
    strbuf_printf(out, "] %d%%", percent);
}

static void append_rate(struct strbuf *out, const struct progress_live *live, int64_t elapsed_ms)
{
    double rate;

    if (elapsed_ms < 1000 || live->done <= live->first_done)
        return;
    rate = (double)(live->done - live->first_done) * 1000 / (double)elapsed_ms;
    strbuf_printf(out, " %.0f %s/s", rate, live->unit);
    if (live->total > live->done) {
        strbuf_append_text(out, ", about ");
        append_duration(out, (int64_t)((double)(live->total - live->done) / rate * 1000));
        strbuf_append_text(out, " left");
    }
}

static void append_live(struct strbuf *out, const struct progress_live *live, int64_t elapsed_ms)
{
    append_safe(out, live->target, false);
    strbuf_append_text(out, "  ");
    append_safe(out, live->step, false);
    if (live->total > 0)
        append_bar(out, live);
    else if (live->done > 0)
        strbuf_printf(out, " %lld %s", (long long)live->done, live->unit);
    append_rate(out, live, elapsed_ms);
    strbuf_append_text(out, "  ");
    append_duration(out, elapsed_ms);
}

/* Cuts at the terminal's width: a line that wraps could not be taken away again. */
static void append_cut(struct strbuf *out, const struct strbuf *line, int columns)
{
    size_t len = 0;
    int width = 0;

    while (len < line->len && width < columns - 1) {
        len++;
        while (len < line->len && ((unsigned char)line->data[len] & 0xc0) == 0x80)
            len++;
        width++;
    }
    strbuf_append(out, line->data, len);
}

void progress_clear(struct progress *progress)
{
    if (progress->mode == PROGRESS_TERMINAL && progress->drawn_lines) {
        for (size_t i = 0; i < progress->drawn_lines; i++)
            fputs("\033[1A\033[2K", progress->out);
        fflush(progress->out);
    }
    progress->drawn_lines = 0;
}

static void draw(struct progress *progress)
{
    struct strbuf buf = STRBUF_INIT, line = STRBUF_INIT;
    size_t lines = 0;

    progress_clear(progress);
    for (size_t i = 0; i < PROGRESS_TARGETS_MAX; i++) {
        if (!progress->live[i].active)
            continue;
        strbuf_clear(&line);
        append_live(&line, &progress->live[i], now_ms(progress) - progress->live[i].started_ms);
        append_cut(&buf, &line, progress->columns);
        strbuf_append_char(&buf, '\n');
        lines++;
    }
    if (lines)
        write_out(progress, &buf);
    progress->drawn_lines = lines;
    progress->drawn_ms = now_ms(progress);
    strbuf_free(&line);
    strbuf_free(&buf);
}

static struct progress_live *find_live(struct progress *progress, const char *step)
{
    for (size_t i = 0; i < PROGRESS_TARGETS_MAX; i++)
        if (progress->live[i].active && strncmp(progress->live[i].step, step, PROGRESS_STEP_MAX - 1) == 0)
            return &progress->live[i];
    return NULL;
}

static void report_live(struct progress *progress, struct progress_live *live)
{
    int64_t now = now_ms(progress);

    if (now - live->reported_ms < LINE_EVERY_MS)
        return;
    live->reported_ms = now;
    if (progress->mode == PROGRESS_JSON) {
        struct arena arena = ARENA_INIT;
        struct json *event = event_new(progress, &arena, "step_progress");

        json_set_text(&arena, event, "target", live->target);
        json_set_text(&arena, event, "step", live->step);
        json_set_integer(&arena, event, "done", live->done);
        if (live->total >= 0)
            json_set_integer(&arena, event, "total", live->total);
        json_set_text(&arena, event, "unit", live->unit);
        progress_json(progress, event);
        arena_free(&arena);
    } else {
        struct strbuf buf = STRBUF_INIT;

        append_live(&buf, live, now - live->started_ms);
        strbuf_append_char(&buf, '\n');
        write_out(progress, &buf);
        strbuf_free(&buf);
    }
}

void progress_tick(struct progress *progress)
{
    if (progress->mode == PROGRESS_TERMINAL) {
        bool active = false;

        for (size_t i = 0; i < PROGRESS_TARGETS_MAX; i++)
            active = active || progress->live[i].active;
        if (active && now_ms(progress) - progress->drawn_ms >= REDRAW_EVERY_MS)
            draw(progress);
        return;
    }
    for (size_t i = 0; i < PROGRESS_TARGETS_MAX; i++)
        if (progress->live[i].active)
            report_live(progress, &progress->live[i]);
}

/* --- steps -------------------------------------------------------------------------------------------------------- */

void progress_started(struct progress *progress, const char *target, const char *step)
{
    for (size_t i = 0; i < PROGRESS_TARGETS_MAX; i++) {
        struct progress_live *live = &progress->live[i];

        if (live->active)
            continue;
        memset(live, 0, sizeof(*live));
        live->active = true;
        live->total = -1;
        snprintf(live->target, sizeof(live->target), "%s", target);
        snprintf(live->step, sizeof(live->step), "%s", step);
        live->started_ms = live->reported_ms = now_ms(progress);
        break;
    }
    if (progress->mode == PROGRESS_JSON) {
        struct arena arena = ARENA_INIT;
        struct json *event = event_new(progress, &arena, "step_started");

        json_set_text(&arena, event, "target", target);
        json_set_text(&arena, event, "step", step);
        progress_json(progress, event);
        arena_free(&arena);
    }
}

void progress_update(struct progress *progress, const char *step, int64_t done, int64_t total, const char *unit)
{
    struct progress_live *live = find_live(progress, step);

    if (!live)
        return;
    if (!live->unit[0]) {
        live->first_done = done;
        snprintf(live->unit, sizeof(live->unit), "%s", unit);
    }
    live->done = done;
    live->total = total;
    progress_tick(progress);
}

static void write_done_json(struct progress *progress, const char *target, const char *step, const char *outcome,
    int64_t duration_ms, int64_t affected, const char *detail)
{
    struct arena arena = ARENA_INIT;
    struct json *event = event_new(progress, &arena, "step_done");

    json_set_text(&arena, event, "target", target);
    json_set_text(&arena, event, "step", step);
    json_set_text(&arena, event, "outcome", outcome);
    if (duration_ms >= 0)
        json_set_integer(&arena, event, "duration_ms", duration_ms);
    if (affected >= 0)
        json_set_integer(&arena, event, "affected", affected);
    if (detail)
        json_set_text(&arena, event, "detail", detail);
    json_set_integer(&arena, event, "number", (int64_t)progress->steps_done);
    json_set_integer(&arena, event, "of", (int64_t)progress->steps_total);
    progress_json(progress, event);
    arena_free(&arena);
}

static void write_done_line(struct progress *progress, const char *target, const char *step, const char *outcome,
    int64_t duration_ms, int64_t affected, const char *detail)
{
    const char *reset = progress->color ? COLOR_RESET : "";
    struct strbuf buf = STRBUF_INIT;

    strbuf_printf(
        &buf, "%s[%zu/%zu]%s ", progress->color ? COLOR_DIM : "", progress->steps_done, progress->steps_total, reset);
    append_safe(&buf, target, false);
    strbuf_append_text(&buf, "  ");
    append_safe(&buf, step, false);
    strbuf_printf(&buf, "  %s%s%s", color_of(progress, outcome), outcome, reset);
    if (duration_ms >= 0) {
        strbuf_append_text(&buf, "  ");
        append_duration(&buf, duration_ms);
    }
    if (affected >= 0)
        strbuf_printf(&buf, ", %lld affected", (long long)affected);
    if (detail) {
        strbuf_append_text(&buf, ": ");
        append_safe(&buf, detail, false);
    }
    strbuf_append_char(&buf, '\n');
    write_out(progress, &buf);
    strbuf_free(&buf);
}

void progress_done(struct progress *progress, const char *target, const char *step, const char *outcome,
    int64_t duration_ms, int64_t affected, const char *detail)
{
    struct progress_live *live = find_live(progress, step);

    if (live)
        live->active = false;
    progress->steps_done++;
    if (progress->mode == PROGRESS_JSON) {
        write_done_json(progress, target, step, outcome, duration_ms, affected, detail);
        return;
    }
    progress_clear(progress);
    write_done_line(progress, target, step, outcome, duration_ms, affected, detail);
    progress_tick(progress);
}

void progress_log(struct progress *progress, const char *level, const char *message)
{
    if (progress->mode == PROGRESS_JSON) {
        struct arena arena = ARENA_INIT;
        struct json *event = event_new(progress, &arena, "log");

        json_set_text(&arena, event, "level", level);
        json_set_text(&arena, event, "message", message);
        progress_json(progress, event);
        arena_free(&arena);
    } else {
        struct strbuf buf = STRBUF_INIT;

        progress_clear(progress);
        if (strcmp(level, "info") != 0)
            strbuf_printf(&buf, "%s%s%s: ", color_of(progress, level), level, progress->color ? COLOR_RESET : "");
        append_safe(&buf, message, false);
        strbuf_append_char(&buf, '\n');
        write_out(progress, &buf);
        strbuf_free(&buf);
    }
}

void progress_text(struct progress *progress, struct str text)
{
    struct strbuf buf = STRBUF_INIT;

    progress_clear(progress);
    append_safe(&buf, text.data, true);
    write_out(progress, &buf);
    strbuf_free(&buf);
}

void progress_raw(struct progress *progress, struct str text)
{
    struct strbuf buf = STRBUF_INIT;

    progress_clear(progress);
    strbuf_append_str(&buf, text);
    strbuf_append_text(&buf, "");
    redact_text(buf.data);
    write_out(progress, &buf);
    strbuf_free(&buf);
}
