/*
 * Time zones from the machine's database: TZif files (RFC 8536), each read when it is asked for, without the C
 * library's global time zone.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "spec/cel/time.h"

#define ZONE_FOLDER "/usr/share/zoneinfo"

enum { ZONE_NAME_MAX = 64, ZONE_FILE_MAX_BYTES = 128 * 1024, HEADER_BYTES = 44, DAY_SECONDS = 86400 };

/* The parts of a TZif block that matter here. */
struct zone_block {
    const unsigned char *times, *types_of_times, *types;
    size_t time_count, type_count, time_bytes;
    size_t end; /* offset of what follows the block */
};

static bool is_zone_name(struct str name)
{
    if (name.len == 0 || name.len > ZONE_NAME_MAX || name.data[0] == '/')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '+' ||
                c == '-' || (c == '/' && i + 1 < name.len && name.data[i + 1] != '/')))
            return false;
    }
    return true;
}

static bool read_file(const char *path, struct strbuf *out)
{
    char buffer[4096];
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return false;
    while ((got = read(fd, buffer, sizeof(buffer))) > 0 && out->len <= ZONE_FILE_MAX_BYTES)
        strbuf_append(out, buffer, (size_t)got);
    close(fd);
    return got == 0;
}

/* Big-endian, as two's complement. */
static int64_t read_signed(const unsigned char *at, size_t bytes)
{
    uint64_t value = at[0] & 0x80 ? UINT64_MAX : 0;

    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return (int64_t)value;
}

static bool read_block(struct str file, size_t start, size_t time_bytes, struct zone_block *out)
{
    const unsigned char *base = (const unsigned char *)file.data + start;
    size_t counts[6]; /* isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt */
    size_t size;

    if (file.len < start + HEADER_BYTES || memcmp(base, "TZif", 4) != 0)
        return false;
    for (size_t i = 0; i < 6; i++) {
        int64_t count = read_signed(base + 20 + 4 * i, 4);

        if (count < 0 || count > ZONE_FILE_MAX_BYTES)
            return false;
        counts[i] = (size_t)count;
    }
    size =
        counts[3] * (time_bytes + 1) + counts[4] * 6 + counts[5] + counts[2] * (time_bytes + 4) + counts[1] + counts[0];
    if (counts[4] == 0 || file.len - start - HEADER_BYTES < size)
        return false;
    *out = (struct zone_block){.time_count = counts[3], .type_count = counts[4], .time_bytes = time_bytes};
    out->times = base + HEADER_BYTES;
    out->types_of_times = out->times + counts[3] * time_bytes;
    out->types = out->types_of_times + counts[3];
    out->end = start + HEADER_BYTES + size;
    return true;
}

/* --- the rule for moments behind the last one of the table: a POSIX TZ string
 * ----------------------------------------- */

struct zone_rule {
    char kind; /* 'M': month.week.day; 'J': day 1 to 365 without 29 February; 'N': day 0 to 365 */
    int month, week, day;
    int64_t seconds; /* local time of the change, from midnight */
};

static bool take(struct str *text, char c)
{
    if (!text->len || *text->data != c)
        return false;
    text->data++;
    text->len--;
    return true;
}

static bool take_number(struct str *text, int *out)
{
    size_t digits = 0;

    for (*out = 0; text->len && *text->data >= '0' && *text->data <= '9' && digits < 3; digits++) {
        *out = *out * 10 + (*text->data - '0');
        text->data++;
        text->len--;
    }
    return digits > 0;
}

/* "CET" or "<+03>" */
static bool take_abbreviation(struct str *text)
{
    size_t len = text->len;
    bool quoted = take(text, '<');

    while (text->len && *text->data != '>' && (quoted || (*text->data >= 'A' && *text->data <= 'z'))) {
        text->data++;
        text->len--;
    }
    return quoted ? take(text, '>') : text->len < len;
}

/* [+-]h[:m[:s]] */
static bool take_clock(struct str *text, int64_t *seconds)
{
    bool negative = take(text, '-');
    int hours, minutes = 0, rest = 0;

    if (!negative)
        take(text, '+');
    if (!take_number(text, &hours) || (take(text, ':') && !take_number(text, &minutes)) ||
        (take(text, ':') && !take_number(text, &rest)))
        return false;
    *seconds = (negative ? -1 : 1) * (int64_t)(hours * 3600 + minutes * 60 + rest);
    return true;
}

static bool take_rule(struct str *text, struct zone_rule *rule)
{
    *rule = (struct zone_rule){.kind = 'N', .seconds = 2 * 3600};
    if (!take(text, ','))
        return false;
    if (take(text, 'M')) {
        rule->kind = 'M';
        if (!take_number(text, &rule->month) || !take(text, '.') || !take_number(text, &rule->week) ||
            !take(text, '.') || !take_number(text, &rule->day) || rule->month < 1 || rule->month > 12 ||
            rule->week < 1 || rule->week > 5 || rule->day > 6)
            return false;
    } else {
        if (take(text, 'J'))
            rule->kind = 'J';
        if (!take_number(text, &rule->day))
            return false;
    }
    return !take(text, '/') || take_clock(text, &rule->seconds);
}

/* Local seconds since the epoch of the change in that year. */
static int64_t rule_moment(const struct zone_rule *rule, int64_t year)
{
    int64_t first = cel_days_from_civil(year, 1, 1);
    bool leap = cel_days_from_civil(year + 1, 1, 1) - first == 366;
    int64_t day, next;

    if (rule->kind == 'J') {
        day = first + rule->day - 1 + (leap && rule->day >= 60);
    } else if (rule->kind == 'N') {
        day = first + rule->day;
    } else {
        first = cel_days_from_civil(year, rule->month, 1);
        next = rule->month == 12 ? cel_days_from_civil(year + 1, 1, 1) : cel_days_from_civil(year, rule->month + 1, 1);
        day = first + (rule->day - (first % 7 + 11) % 7 + 7) % 7 + 7 * (rule->week - 1);
        while (day >= next)
            day -= 7;
    }
    return day * DAY_SECONDS + rule->seconds;
}

/* The offset that the rule gives; false when it is malformed. */
static bool offset_by_rule(struct str rule, int64_t utc, int64_t *offset)
{
    struct zone_rule start, end;
    int64_t standard, summer, year, from, to;

    if (!take_abbreviation(&rule) || !take_clock(&rule, &standard))
        return false;
    *offset = standard = -standard; /* POSIX counts westwards */
    if (!rule.len)
        return true;
    if (!take_abbreviation(&rule))
        return false;
    summer = standard + 3600;
    if (rule.len && *rule.data != ',') {
        if (!take_clock(&rule, &summer))
            return false;
        summer = -summer;
    }
    if (!take_rule(&rule, &start) || !take_rule(&rule, &end))
        return false;
    year = cel_calendar_of(utc + standard).year;
    from = rule_moment(&start, year) - standard;
    to = rule_moment(&end, year) - summer;
    if (from < to ? utc >= from && utc < to : !(utc >= to && utc < from))
        *offset = summer;
    return true;
}

/* --- the table
 * -------------------------------------------------------------------------------------------------------- */

static bool offset_by_table(const struct zone_block *block, int64_t utc, int64_t *offset)
{
    size_t low = 0, high = block->time_count; /* number of changes up to utc */
    size_t type = 0;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (read_signed(block->times + middle * block->time_bytes, block->time_bytes) <= utc)
            low = middle + 1;
        else
            high = middle;
    }
    if (low)
        type = block->types_of_times[low - 1];
    if (type >= block->type_count)
        return false;
    *offset = read_signed(block->types + 6 * type, 4);
    return true;
}

static bool offset_in_file(struct str file, int64_t utc, int64_t *offset)
{
    struct zone_block block;
    struct str rule;
    const char *end;

    if (!read_block(file, 0, 4, &block))
        return false;
    if (file.data[4] < '2')
        return offset_by_table(&block, utc, offset);
    if (!read_block(file, block.end, 8, &block))
        return false;
    rule = (struct str){file.data + block.end, file.len - block.end};
    if (take(&rule, '\n') && rule.len > 1 && (end = memchr(rule.data, '\n', rule.len)) &&
        (block.time_count == 0 || utc >= read_signed(block.times + 8 * (block.time_count - 1), 8))) {
        rule.len = (size_t)(end - rule.data);
        return offset_by_rule(rule, utc, offset);
    }
    return offset_by_table(&block, utc, offset);
}

static bool system_offset_at(void *context, struct str zone, int64_t utc_seconds, int32_t *offset_seconds)
{
    char path[sizeof(ZONE_FOLDER) + ZONE_NAME_MAX + 1];
    struct strbuf file = STRBUF_INIT;
    int64_t offset = 0;
    bool found;

    (void)context;
    if (!is_zone_name(zone))
        return false;
    snprintf(path, sizeof(path), ZONE_FOLDER "/%.*s", STR_ARG(zone));
    found = read_file(path, &file) && offset_in_file(strbuf_view(&file), utc_seconds, &offset) &&
            offset > -2 * DAY_SECONDS && offset < 2 * DAY_SECONDS;
    strbuf_free(&file);
    *offset_seconds = (int32_t)offset;
    return found;
}

const struct cel_zones *cel_zones_system(void)
{
    static const struct cel_zones zones = {.offset_at = system_offset_at};

    return &zones;
}
