/*
 * Timestamps (years 1 to 9999, nanoseconds) and durations (as many nanoseconds as 64 bits hold, about 292 years).
 */
#ifndef SPEC_CEL_TIME_H
#define SPEC_CEL_TIME_H

#include "spec/cel/cel.h"

/* A moment on the calendar of one place. */
struct cel_calendar {
    int64_t year;
    int month;       /* 0 to 11 */
    int day;         /* of the month, from 0 */
    int day_of_year; /* from 0 */
    int day_of_week; /* 0 is Sunday */
    int hour, minute, second;
};

struct cel_calendar cel_calendar_of(int64_t seconds);
/* Days from 1970-01-01 to a day of the proleptic Gregorian calendar; month and day count from 1. */
int64_t cel_days_from_civil(int64_t year, int month, int day);

/* RFC 3339. False when it is none or lies outside the years 1 to 9999. */
bool cel_timestamp_read(struct str text, struct cel_value *out);
bool cel_timestamp_make(int64_t seconds, int32_t nanos, struct cel_value *out); /* nanos: 0 to 999,999,999 */
void cel_timestamp_print(const struct cel_value *timestamp, struct strbuf *out);

/* "1h30m", "1.5s", "-10ms"; units h, m, s, ms, us, ns. */
bool cel_duration_read(struct str text, struct cel_value *out);
void cel_duration_print(const struct cel_value *duration, struct strbuf *out); /* "1.5s" */
int64_t cel_duration_nanos(const struct cel_value *duration);
struct cel_value cel_duration_make(int64_t nanos);

/* a ± b for the kinds that have it; false when the result is out of range. */
bool cel_time_add(const struct cel_value *timestamp, int64_t nanos, struct cel_value *out);
bool cel_time_subtract(const struct cel_value *a, const struct cel_value *b, struct cel_value *out);

/* "+02:00", "-9:30", "UTC", "Z", "": the offset. False when the text is something else. */
bool cel_zone_fixed(struct str zone, int32_t *offset_seconds);

#endif
