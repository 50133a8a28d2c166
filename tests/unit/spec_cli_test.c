#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spec/cli_table.h"
#include "spec/duration.h"
#include "spec/exit.h"

static struct arena arena;
static struct cli_arguments arguments;
static struct error error;

static int set_up(void **state)
{
    (void)state;
    arena = (struct arena)ARENA_INIT;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* Splits at blanks. */
static bool parse(const char *line)
{
    static char *argv[16];
    int argc = 0;

    for (char *word = strtok(arena_strdup(&arena, line), " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    return cli_parse(&arena, argc, argv, &arguments, &error);
}

static void assert_refused(const char *line, const char *message, const char *help)
{
    if (parse(line))
        fail_msg("'%s' was taken", line);
    assert_string_equal(error.message, message);
    assert_string_equal(error.help, help);
    assert_int_equal(error.exit_status, EXIT_STATUS_USAGE);
}

static void options_take_their_argument_in_every_spelling(void **state)
{
    (void)state;
    assert_true(parse("invplan compile --env production -o out --file=m.yaml"));
    assert_int_equal(arguments.command, CLI_COMMAND_COMPILE);
    assert_string_equal(cli_value(&arguments, CLI_OPTION_ENV), "production");
    assert_string_equal(cli_value(&arguments, CLI_OPTION_OUTPUT), "out");
    assert_string_equal(cli_value(&arguments, CLI_OPTION_FILE), "m.yaml");
    assert_false(cli_has(&arguments, CLI_OPTION_ALL));
    assert_null(cli_value(&arguments, CLI_OPTION_FORMAT));
    assert_true(parse("invplan apply -pplans/x.plan --yes"));
    assert_string_equal(cli_value(&arguments, CLI_OPTION_PLAN), "plans/x.plan");
    assert_true(cli_has(&arguments, CLI_OPTION_YES));
    assert_true(parse("invplan compile --file="));
    assert_string_equal(cli_value(&arguments, CLI_OPTION_FILE), "");
}

static void options_may_follow_operands_and_two_dashes_end_them(void **state)
{
    (void)state;
    assert_true(parse("invplan diff a --format json b"));
    assert_int_equal(arguments.operands.count, 2);
    assert_string_equal(arguments.operands.items[1], "b");
    assert_true(parse("invplan show --format sql -- --format"));
    assert_string_equal(arguments.operands.items[0], "--format");
    assert_true(parse("invplan show -"));
    assert_string_equal(arguments.operands.items[0], "-");
}

static void repeatable_options_keep_every_argument(void **state)
{
    (void)state;
    assert_true(parse("invplan apply -p x --pass a --pass=b"));
    assert_int_equal(arguments.options[CLI_OPTION_PASS].items.count, 2);
    assert_string_equal(arguments.options[CLI_OPTION_PASS].items.items[0], "a");
    assert_refused("invplan apply -p x -p y", "'--plan' is given twice", "");
}

static void unknown_words_get_a_suggestion(void **state)
{
    (void)state;
    assert_refused("invplan aply", "there is no command 'aply'", "did you mean 'invplan apply'?");
    assert_refused("invplan frobnicate", "there is no command 'frobnicate'", "'invplan help' lists the commands");
    assert_refused("invplan apply --deadlin 5m", "'apply' has no option '--deadlin'", "did you mean '--deadline'?");
    assert_refused("invplan apply --today x", "'apply' has no option '--today'", "'invplan apply --help' lists the options");
    assert_refused("invplan apply -x", "'apply' has no option '-x'", "'invplan apply --help' lists the options");
    assert_refused("invplan show --format jsn x", "'--format' takes text|markdown|sql|json|mermaid, not 'jsn'",
        "did you mean 'json'?");
    assert_refused("invplan diff --format sql a b", "'--format' takes text|json|markdown, not 'sql'", "");
}

static void missing_and_needless_words_are_refused(void **state)
{
    (void)state;
    assert_refused("invplan", "a command is wanted", "'invplan help' lists the commands");
    assert_refused("invplan apply --plan", "'--plan' needs an argument: FILE", "");
    assert_refused("invplan apply --yes=no", "'--yes' takes no argument", "");
    assert_refused("invplan diff a", "'diff' needs PLAN PLAN", "");
    assert_refused("invplan show a b", "'b' is one argument too many for 'show'", "");
    assert_refused("invplan apply --deadline 5", "'--deadline' takes a duration, not '5'",
        "write a number and its unit: 500ms, 30s, 10m, 2h, 1d");
}

static void durations_come_in_milliseconds(void **state)
{
    (void)state;
    assert_true(parse("invplan apply -p x --deadline 90s"));
    assert_int_equal(cli_duration_ms(&arguments, CLI_OPTION_DEADLINE, -1), 90000);
    assert_true(parse("invplan apply -p x"));
    assert_int_equal(cli_duration_ms(&arguments, CLI_OPTION_DEADLINE, -1), -1);
}

static void help_needs_no_operands(void **state)
{
    (void)state;
    assert_true(parse("invplan diff --help"));
    assert_true(cli_has(&arguments, CLI_OPTION_HELP));
}

static void help_names_every_option_and_exit_status(void **state)
{
    struct strbuf out = STRBUF_INIT;

    (void)state;
    cli_print_command_help(&out, CLI_COMMAND_EXPLAIN);
    assert_string_equal(out.data, "usage: invplan explain [OPTION]... [CODE]\n"
                                  "\n"
                                  "Prints what a diagnostic's code means, why it matters and how to mend it;\n"
                                  "without a code, the list of all.\n"
                                  "\n"
                                  "Options:\n"
                                  "  -h, --help              print this help\n"
                                  "\n"
                                  "Exit status:\n"
                                  "    0   done, or nothing to do\n"
                                  "    2   the command line is wrong (diff: any error)\n"
                                  "   74   a local file cannot be read or written\n");
    strbuf_free(&out);
}

static void help_fits_eighty_columns(void **state)
{
    (void)state;
    for (int i = -1; i < CLI_COMMAND_COUNT; i++) {
        struct strbuf out = STRBUF_INIT;

        if (i < 0)
            cli_print_help(&out);
        else
            cli_print_command_help(&out, (enum cli_command)i);
        for (char *line = strtok(out.data, "\n"); line; line = strtok(NULL, "\n"))
            if (strlen(line) > 80)
                fail_msg("%s", line);
        strbuf_free(&out);
    }
}

static void the_table_of_options_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < CLI_OPTION_COUNT; i++)
        for (size_t j = 0; j < i; j++) {
            if (!(cli_options[i].commands & cli_options[j].commands))
                continue;
            assert_string_not_equal(cli_options[i].name, cli_options[j].name);
            assert_true(!cli_options[i].short_name || cli_options[i].short_name != cli_options[j].short_name);
        }
    for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
        assert_true(cli_commands[i].min <= cli_commands[i].max);
        assert_int_equal(strspn(cli_commands[i].exits, "0123456789,-"), strlen(cli_commands[i].exits));
        assert_true(cli_commands[i].exits[0] == '0');
    }
}

static void durations_are_read_and_written(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {{"0s", 0}, {"500ms", 500}, {"90s", 90000}, {"2m", 120000}, {"1h", 3600000}, {"3d", 259200000}};
    static const struct {
        int64_t ms;
        const char *text;
    } rough[] = {{0, "0 ms"}, {999, "999 ms"}, {1000, "1 s"}, {1549, "1.5 s"}, {12500, "13 s"}, {119000, "119 s"},
        {150000, "2.5 min"}, {7100000, "118 min"}, {7560000, "2.1 h"}, {86400000, "24 h"}};
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct strbuf out = STRBUF_INIT;

        assert_true(duration_parse(str_from(rows[i].text), &ms));
        assert_int_equal(ms, rows[i].ms);
        duration_print(&out, ms);
        assert_string_equal(out.data, rows[i].text);
        strbuf_free(&out);
    }
    for (size_t i = 0; i < sizeof(rough) / sizeof(rough[0]); i++) {
        struct strbuf out = STRBUF_INIT;

        duration_print_rough(&out, rough[i].ms);
        assert_string_equal(out.data, rough[i].text);
        strbuf_free(&out);
    }
    assert_false(duration_parse(STR(""), &ms));
    assert_false(duration_parse(STR("5"), &ms));
    assert_false(duration_parse(STR("s"), &ms));
    assert_false(duration_parse(STR("5 s"), &ms));
    assert_false(duration_parse(STR("-5s"), &ms));
    assert_false(duration_parse(STR("1.5s"), &ms));
    assert_false(duration_parse(STR("9223372036854775807d"), &ms));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(options_take_their_argument_in_every_spelling, set_up, tear_down),
        cmocka_unit_test_setup_teardown(options_may_follow_operands_and_two_dashes_end_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(repeatable_options_keep_every_argument, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unknown_words_get_a_suggestion, set_up, tear_down),
        cmocka_unit_test_setup_teardown(missing_and_needless_words_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(durations_come_in_milliseconds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(help_needs_no_operands, set_up, tear_down),
        cmocka_unit_test_setup_teardown(help_names_every_option_and_exit_status, set_up, tear_down),
        cmocka_unit_test_setup_teardown(help_fits_eighty_columns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_table_of_options_is_sound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(durations_are_read_and_written, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
