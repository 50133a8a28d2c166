/* Functions that take timestamps and durations apart. */
#include "spec/cel/function.h"
#include "spec/cel/time.h"

/* The calendar at the timestamp args[0], in the time zone args[1] where it is given. */
static bool calendar_at(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_calendar *out)
{
    const struct cel_zones *zones = run->program->zones;
    struct cel_value checked;
    int32_t offset = 0;

    /* A bound timestamp may be anything. */
    if (!cel_timestamp_make(args[0].as.time.seconds, args[0].as.time.nanos, &checked))
        return cel_fail(run, "the timestamp is outside the years 1 to 9999");
    if (count == 2 && !cel_zone_fixed(args[1].as.text, &offset)) {
        /* Reading a zone's rules costs far more than a step. */
        if (!cel_charge(run, 100))
            return false;
        if (!zones || !zones->offset_at(zones->context, args[1].as.text, args[0].as.time.seconds, &offset)) {
            cel_fail(run, "the time zone is not known");
            return cel_fail_help(
                run, zones ? "write a name such as 'Europe/Berlin' or an offset such as '+02:00'"
                           : "write 'UTC' or an offset such as '+02:00'; names of zones are not available here");
        }
    }
    *out = cel_calendar_of(args[0].as.time.seconds + offset);
    return true;
}

#define CALENDAR_FUNCTION(name, expression)                                                                            \
    bool name(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)                  \
    {                                                                                                                  \
        struct cel_calendar at = {0};                                                                                   \
                                                                                                                       \
        if (!calendar_at(run, args, count, &at))                                                                       \
            return false;                                                                                              \
        *out = cel_make_int(expression);                                                                               \
        return true;                                                                                                   \
    }

CALENDAR_FUNCTION(cel_time_full_year, at.year)
CALENDAR_FUNCTION(cel_time_month, at.month)
CALENDAR_FUNCTION(cel_time_date, at.day + 1)
CALENDAR_FUNCTION(cel_time_day_of_month, at.day)
CALENDAR_FUNCTION(cel_time_day_of_week, at.day_of_week)
CALENDAR_FUNCTION(cel_time_day_of_year, at.day_of_year)

/* Of a duration the whole of it in that unit, of a timestamp the part of the clock. */
#define CLOCK_FUNCTION(name, unit_seconds, expression)                                                                 \
    bool name(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)                  \
    {                                                                                                                  \
        struct cel_calendar at = {0};                                                                                   \
                                                                                                                       \
        if (args[0].kind == CEL_DURATION) {                                                                            \
            *out = cel_make_int(args[0].as.time.seconds / (unit_seconds));                                             \
            return true;                                                                                               \
        }                                                                                                              \
        if (!calendar_at(run, args, count, &at))                                                                       \
            return false;                                                                                              \
        *out = cel_make_int(expression);                                                                               \
        return true;                                                                                                   \
    }

CLOCK_FUNCTION(cel_time_hours, 3600, at.hour)
CLOCK_FUNCTION(cel_time_minutes, 60, at.minute)
CLOCK_FUNCTION(cel_time_seconds, 1, at.second)

/* The language definition has the milliseconds within the second for both kinds. */
bool cel_time_milliseconds(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    struct cel_calendar at;

    if (args[0].kind == CEL_TIMESTAMP && !calendar_at(run, args, count, &at))
        return false;
    *out = cel_make_int(args[0].as.time.nanos / 1000000);
    return true;
}
