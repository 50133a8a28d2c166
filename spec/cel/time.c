#include "spec/cel/time.h"

#include <inttypes.h>

enum { NANOS = 1000000000, DAY_SECONDS = 86400 };

static const int64_t TIMESTAMP_MIN = INT64_C(-62135596800), TIMESTAMP_MAX = INT64_C(253402300799);

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Howard Hinnant, chrono-compatible low-level date algorithms, "days_from_civil" and "civil_from_days". */
int64_t cel_days_from_civil(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = floor_divide(y, 400);
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

struct cel_calendar cel_calendar_of(int64_t seconds)
{
    int64_t days = floor_divide(seconds, DAY_SECONDS);
    int64_t of_day = seconds - days * DAY_SECONDS;
    int64_t z = days + 719468;
    int64_t era = floor_divide(z, 146097);
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t from_march = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * from_march + 2) / 153;
    struct cel_calendar out;

    out.day = (int)(from_march - (153 * month + 2) / 5);
    out.month = (int)(month < 10 ? month + 2 : month - 10);
    out.year = year_of_era + era * 400 + (out.month <= 1);
    out.day_of_year = (int)(days - cel_days_from_civil(out.year, 1, 1));
    out.day_of_week = (int)((days % 7 + 11) % 7);
    out.hour = (int)(of_day / 3600);
    out.minute = (int)(of_day / 60 % 60);
    out.second = (int)(of_day % 60);
    return out;
}

/* Reads exactly count digits at the front. */
static bool take_digits(struct str *text, size_t count, int *out)
{
    *out = 0;
    if (text->len < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        char c = text->data[i];

        if (c < '0' || c > '9')
            return false;
        *out = *out * 10 + (c - '0');
    }
    text->data += count;
    text->len -= count;
    return true;
}

static bool take_char(struct str *text, char c)
{
    if (!text->len || *text->data != c)
        return false;
    text->data++;
    text->len--;
    return true;
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && leap);
}

/* Behind the point: one to nine digits. */
static bool take_fraction(struct str *text, int32_t *nanos)
{
    int32_t scale = NANOS / 10;

    *nanos = 0;
    if (!text->len || *text->data < '0' || *text->data > '9')
        return false;
    for (; text->len && *text->data >= '0' && *text->data <= '9'; scale /= 10) {
        if (scale == 0)
            return false;
        *nanos += (*text->data - '0') * scale;
        text->data++;
        text->len--;
    }
    return true;
}

static bool take_offset(struct str *text, int32_t *offset)
{
    int hours, minutes;
    bool negative = text->len && *text->data == '-';

    *offset = 0;
    if (take_char(text, 'Z'))
        return true;
    if ((!take_char(text, '+') && !take_char(text, '-')) || !take_digits(text, 2, &hours) || !take_char(text, ':') ||
        !take_digits(text, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *offset = (negative ? -1 : 1) * (hours * 3600 + minutes * 60);
    return true;
}

bool cel_timestamp_make(int64_t seconds, int32_t nanos, struct cel_value *out)
{
    *out = (struct cel_value){.kind = CEL_TIMESTAMP, .as.time = {seconds, nanos}};
    return seconds >= TIMESTAMP_MIN && seconds <= TIMESTAMP_MAX;
}

bool cel_timestamp_read(struct str text, struct cel_value *out)
{
    int year, month, day, hour, minute, second;
    int32_t nanos = 0, offset;

    if (!take_digits(&text, 4, &year) || !take_char(&text, '-') || !take_digits(&text, 2, &month) ||
        !take_char(&text, '-') || !take_digits(&text, 2, &day) || !take_char(&text, 'T') ||
        !take_digits(&text, 2, &hour) || !take_char(&text, ':') || !take_digits(&text, 2, &minute) ||
        !take_char(&text, ':') || !take_digits(&text, 2, &second))
        return false;
    if (take_char(&text, '.') && !take_fraction(&text, &nanos))
        return false;
    if (!take_offset(&text, &offset) || text.len)
        return false;
    if (month < 1 || month > 12 || day < 1 || day > month_days(year, month) || hour > 23 || minute > 59 || second > 59)
        return false;
    return cel_timestamp_make(
        cel_days_from_civil(year, month, day) * DAY_SECONDS + hour * 3600 + minute * 60 + second - offset, nanos, out);
}

/* ".5" for half a second; nothing for none. */
static void print_fraction(int32_t nanos, struct strbuf *out)
{
    if (nanos == 0)
        return;
    strbuf_printf(out, ".%09" PRId32, nanos);
    while (out->data[out->len - 1] == '0')
        out->data[--out->len] = '\0';
}

void cel_timestamp_print(const struct cel_value *timestamp, struct strbuf *out)
{
    struct cel_calendar at = cel_calendar_of(timestamp->as.time.seconds);

    strbuf_printf(out, "%04" PRId64 "-%02d-%02dT%02d:%02d:%02d", at.year, at.month + 1, at.day + 1, at.hour, at.minute,
        at.second);
    print_fraction(timestamp->as.time.nanos, out);
    strbuf_append_char(out, 'Z');
}

int64_t cel_duration_nanos(const struct cel_value *duration)
{
    int64_t nanos;

    /* Bound durations may lie outside what durations computed here can be: they saturate. */
    if (__builtin_mul_overflow(duration->as.time.seconds, (int64_t)NANOS, &nanos) ||
        __builtin_add_overflow(nanos, (int64_t)duration->as.time.nanos, &nanos))
        return duration->as.time.seconds < 0 ? INT64_MIN : INT64_MAX;
    return nanos;
}

struct cel_value cel_duration_make(int64_t nanos)
{
    return (struct cel_value){.kind = CEL_DURATION, .as.time = {nanos / NANOS, (int32_t)(nanos % NANOS)}};
}

void cel_duration_print(const struct cel_value *duration, struct strbuf *out)
{
    int64_t seconds = duration->as.time.seconds;
    int32_t nanos = duration->as.time.nanos;

    if (seconds < 0 || nanos < 0)
        strbuf_append_char(out, '-');
    strbuf_printf(out, "%" PRIu64, seconds < 0 ? 0 - (uint64_t)seconds : (uint64_t)seconds);
    print_fraction(nanos < 0 ? -nanos : nanos, out);
    strbuf_append_char(out, 's');
}

/* Nanoseconds in the unit at the front, which is consumed; 0 when there is none. */
static int64_t take_unit(struct str *text)
{
    static const struct {
        const char *name;
        int64_t nanos;
    } units[] = {
        {"ns", 1},
        {"us", 1000},
        {"µs", 1000},
        {"ms", 1000000},
        {"s", NANOS},
        {"m", INT64_C(60) * NANOS},
        {"h", INT64_C(3600) * NANOS},
    };

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        struct str name = str_from(units[i].name);

        if (str_starts_with(*text, units[i].name)) {
            text->data += name.len;
            text->len -= name.len;
            return units[i].nanos;
        }
    }
    return 0;
}

__extension__ typedef __int128 wide_int; /* gcc and clang have it, ISO C has no name for it */

/* One "1.5h"; adds it to *total, which counts downwards (there is one more negative number). */
static bool take_term(struct str *text, int64_t *total)
{
    int64_t whole = 0, fraction = 0, scale = 1, unit;
    size_t digits = 0;

    for (; text->len && *text->data >= '0' && *text->data <= '9'; text->data++, text->len--, digits++)
        if (__builtin_mul_overflow(whole, (int64_t)10, &whole) ||
            __builtin_sub_overflow(whole, (int64_t)(*text->data - '0'), &whole))
            return false;
    if (take_char(text, '.')) {
        for (; text->len && *text->data >= '0' && *text->data <= '9'; text->data++, text->len--, digits++) {
            /* 15 places are enough for a nanosecond of an hour to come out right. */
            if (scale > INT64_C(100000000000000))
                continue;
            fraction = fraction * 10 - (*text->data - '0');
            scale *= 10;
        }
    }
    unit = take_unit(text);
    if (digits == 0 || unit == 0 || __builtin_mul_overflow(whole, unit, &whole))
        return false;
    return !__builtin_add_overflow(whole, (int64_t)((wide_int)fraction * unit / scale), &whole) &&
           !__builtin_add_overflow(*total, whole, total);
}

bool cel_duration_read(struct str text, struct cel_value *out)
{
    int64_t total = 0;
    bool negative = take_char(&text, '-');

    if (!negative)
        take_char(&text, '+');
    if (str_is(text, "0")) {
        *out = cel_duration_make(0);
        return true;
    }
    if (!text.len)
        return false;
    while (text.len)
        if (!take_term(&text, &total))
            return false;
    if (!negative && total == INT64_MIN)
        return false;
    *out = cel_duration_make(negative ? total : -total);
    return true;
}

bool cel_time_add(const struct cel_value *timestamp, int64_t nanos, struct cel_value *out)
{
    int64_t sum = timestamp->as.time.nanos + nanos % NANOS;
    int64_t seconds;

    if (__builtin_add_overflow(timestamp->as.time.seconds, nanos / NANOS + floor_divide(sum, NANOS), &seconds))
        return false;
    return cel_timestamp_make(seconds, (int32_t)(sum - floor_divide(sum, NANOS) * NANOS), out);
}

bool cel_time_subtract(const struct cel_value *a, const struct cel_value *b, struct cel_value *out)
{
    int64_t seconds, nanos;

    if (__builtin_sub_overflow(a->as.time.seconds, b->as.time.seconds, &seconds) ||
        __builtin_mul_overflow(seconds, (int64_t)NANOS, &nanos) ||
        __builtin_add_overflow(nanos, (int64_t)a->as.time.nanos - b->as.time.nanos, &nanos))
        return false;
    *out = cel_duration_make(nanos);
    return true;
}

bool cel_zone_fixed(struct str zone, int32_t *offset_seconds)
{
    int hours, minutes;
    bool negative;

    *offset_seconds = 0;
    if (!zone.len || str_is(zone, "UTC") || str_is(zone, "Z"))
        return true;
    negative = take_char(&zone, '-');
    if (!negative)
        take_char(&zone, '+');
    if (!take_digits(&zone, zone.len == 4 ? 1 : 2, &hours) || !take_char(&zone, ':') ||
        !take_digits(&zone, 2, &minutes) || zone.len || hours > 23 || minutes > 59)
        return false;
    *offset_seconds = (negative ? -1 : 1) * (hours * 3600 + minutes * 60);
    return true;
}
