#include <stdio.h>
#include <unistd.h>

#include "spec/cel/time.h"
#include "tests/unit/spec_cel_sample.h"

static void timestamps_are_read_and_written(void **state)
{
    (void)state;
    assert_eval("timestamp('2024-02-29T23:59:59.120+02:00')", "timestamp(\"2024-02-29T21:59:59.12Z\")");
    assert_eval("string(timestamp(0))", "\"1970-01-01T00:00:00Z\"");
    assert_eval("int(timestamp('1969-12-31T23:59:59Z'))", "-1");
    assert_eval("timestamp(decimal('-1.5'))", "timestamp(\"1969-12-31T23:59:58.5Z\")");
    assert_eval("timestamp(decimal('1700000000'))", "timestamp(\"2023-11-14T22:13:20Z\")");
    assert_eval("timestamp('0001-01-01T00:00:00Z') < timestamp('9999-12-31T23:59:59.999999999Z')", "true");
}

static void texts_that_are_no_timestamps_are_refused(void **state)
{
    static const char *const texts[] = {"", "2024-01-01", "2024-01-01 00:00:00Z", "2024-02-30T00:00:00Z",
        "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z",
        "2024-01-01T00:00:60Z", "2024-01-01T00:00:00", "2024-01-01T00:00:00+24:00", "2024-01-01T00:00:00.Z",
        "2024-01-01T00:00:00.1234567890Z", "0000-12-31T23:59:59Z", "0001-01-01T00:00:00+00:01",
        "2024-01-01T00:00:00Zx"};
    struct cel_value value;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (cel_timestamp_read(str_from(texts[i]), &value))
            fail_msg("'%s' is read", texts[i]);
}

static void durations_are_read_and_written(void **state)
{
    (void)state;
    assert_eval("duration('1h30m')", "duration(\"5400s\")");
    assert_eval("duration('-1.5s')", "duration(\"-1.5s\")");
    assert_eval("duration('1.000000001h')", "duration(\"3600.0000036s\")");
    assert_eval("duration('10ms') + duration('20us') + duration('30ns')", "duration(\"0.01002003s\")");
    assert_eval("duration('0') == duration('0s')", "true");
    assert_eval("duration('-9223372036854775808ns')", "duration(\"-9223372036.854775808s\")");
    assert_non_null(strstr(sample_eval("duration('9223372036854775808ns')"), "no duration"));
    assert_non_null(strstr(sample_eval("duration('1')"), "no duration"));
    assert_non_null(strstr(sample_eval("duration('s')"), "no duration"));
    assert_non_null(strstr(sample_eval("duration('1d')"), "no duration"));
    assert_non_null(strstr(sample_eval("duration('1h -1m')"), "no duration"));
}

static void arithmetic_on_time_stays_in_range(void **state)
{
    (void)state;
    assert_eval("timestamp('2024-03-01T00:00:00Z') - duration('24h')", "timestamp(\"2024-02-29T00:00:00Z\")");
    assert_eval("timestamp('1970-01-01T00:00:00Z') - duration('1ns')", "timestamp(\"1969-12-31T23:59:59.999999999Z\")");
    assert_eval("timestamp(10) - timestamp(4)", "duration(\"6s\")");
    assert_non_null(strstr(sample_eval("timestamp('9999-12-31T23:59:59Z') + duration('1s')"), "out of range"));
    assert_non_null(strstr(sample_eval("timestamp(0) - duration('-9223372036854775808ns')"), "out of range"));
    assert_non_null(strstr(sample_eval("duration('9000000000s') + duration('9000000000s')"), "out of range"));
}

static void calendars_follow_the_offset(void **state)
{
    (void)state;
    assert_eval(
        "[timestamp('2024-12-31T23:30:00Z')].map(t, [t.getFullYear(), t.getMonth(), t.getDate(), t.getDayOfMonth(), "
        "t.getDayOfYear(), t.getDayOfWeek(), t.getHours(), t.getMinutes()])[0]",
        "[2024, 11, 31, 30, 365, 2, 23, 30]");
    assert_eval("timestamp('2024-12-31T23:30:00Z').getFullYear('+01:00')", "2025");
    assert_eval("timestamp('2024-12-31T23:30:00Z').getHours('-9:15')", "14");
    assert_eval("duration('3723.5s').getMinutes() + duration('3723.5s').getMilliseconds()", "562");
    assert_eval("timestamp(0).getHours('Europe/Berlin')",
        "run: 0[timestamp(0).getHours('Europe/Berlin')] the time zone is not known (write 'UTC' or an offset such as "
        "'+02:00'; names of zones are not available here)");
}

static void every_day_of_four_centuries_survives_the_calendar(void **state)
{
    (void)state;
    for (int64_t day = cel_days_from_civil(1899, 1, 1); day < cel_days_from_civil(2301, 1, 1); day++) {
        struct cel_calendar at = cel_calendar_of(day * 86400 + 3661);

        assert_true(cel_days_from_civil(at.year, at.month + 1, at.day + 1) == day);
        assert_int_equal(at.hour * 10000 + at.minute * 100 + at.second, 10101);
        assert_true(at.day_of_year >= 0 && at.day_of_year < 366);
    }
}

/* What the zone gives at a moment, in seconds east of Greenwich; INT32_MAX when it is not known. */
static int32_t offset_at(const char *zone, const char *moment)
{
    const struct cel_zones *zones = cel_zones_system();
    struct cel_value value;
    int32_t offset;

    assert_true(cel_timestamp_read(str_from(moment), &value));
    return zones->offset_at(zones->context, str_from(zone), value.as.time.seconds, &offset) ? offset : INT32_MAX;
}

static void zones_of_the_system_know_summer_and_winter(void **state)
{
    (void)state;
    if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) != 0) {
        print_message("left out: there is no /usr/share/zoneinfo\n");
        return;
    }
    assert_int_equal(offset_at("Europe/Berlin", "2024-01-15T12:00:00Z"), 3600);
    assert_int_equal(offset_at("Europe/Berlin", "2024-07-15T12:00:00Z"), 7200);
    assert_int_equal(offset_at("Europe/Berlin", "2024-03-31T00:59:59Z"), 3600);
    assert_int_equal(offset_at("Europe/Berlin", "2024-03-31T01:00:00Z"), 7200);
    /* Behind the end of the table, by the rule. */
    assert_int_equal(offset_at("Europe/Berlin", "2060-01-15T12:00:00Z"), 3600);
    assert_int_equal(offset_at("Europe/Berlin", "2060-07-15T12:00:00Z"), 7200);
    assert_int_equal(offset_at("America/New_York", "2060-03-14T06:59:59Z"), -18000);
    assert_int_equal(offset_at("America/New_York", "2060-03-14T07:00:00Z"), -14400);
    assert_int_equal(offset_at("Australia/Sydney", "2060-01-15T12:00:00Z"), 39600);
    assert_int_equal(offset_at("Australia/Sydney", "2060-07-15T12:00:00Z"), 36000);
    assert_int_equal(offset_at("Asia/Kathmandu", "2024-07-15T12:00:00Z"), 20700);
    assert_int_equal(offset_at("Asia/Kathmandu", "2100-07-15T12:00:00Z"), 20700);
    assert_int_equal(offset_at("Europe/Nowhere", "2024-07-15T12:00:00Z"), INT32_MAX);
}

static void names_that_leave_the_folder_are_no_zones(void **state)
{
    static const char *const names[] = {"", "/etc/passwd", "../../../etc/passwd", "Europe/../../../../etc/passwd",
        "Europe", "Europe//Berlin", "Europe/", "tzdata.zi", "zone.tab", "Europe/Berlin\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(offset_at(names[i], "2024-01-15T12:00:00Z"), INT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timestamps_are_read_and_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(texts_that_are_no_timestamps_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(durations_are_read_and_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(arithmetic_on_time_stays_in_range, set_up, tear_down),
        cmocka_unit_test_setup_teardown(calendars_follow_the_offset, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_day_of_four_centuries_survives_the_calendar, set_up, tear_down),
        cmocka_unit_test_setup_teardown(zones_of_the_system_know_summer_and_winter, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_that_leave_the_folder_are_no_zones, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
