#include "executor/command.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "executor/baseline.h"
#include "executor/holder.h"
#include "executor/host.h"
#include "executor/rebind.h"
#include "executor/redact.h"
#include "executor/replay.h"
#include "executor/report.h"
#include "executor/resolve.h"
#include "executor/rollback.h"
#include "executor/run.h"
#include "executor/status.h"
#include "executor/verify.h"
#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/exit.h"

enum { LEASE_MIN_MS = 200, LEASE_MAX_MS = 3600000 };

/* One command under way. */
struct command {
    struct arena *arena;
    const struct cli_arguments *arguments;
    struct host host;
    struct plan *plan;
    struct session session;
    struct report report;
};

/* --- setting up --------------------------------------------------------------------------------------------------- */

/* How the plan was named, for lines to type next: quoted for a shell where that is needed. */
static const char *quote_argument(struct arena *arena, const char *option, const char *value)
{
    struct strbuf buf = STRBUF_INIT;
    bool plain = value[0] != '\0';
    const char *text;

    for (const char *c = value; *c; c++)
        plain = plain && (isalnum((unsigned char)*c) || strchr("/._-+:=@%", *c));
    strbuf_printf(&buf, "%s ", option);
    if (plain) {
        strbuf_append_text(&buf, value);
    } else {
        strbuf_append_char(&buf, '\'');
        for (const char *c = value; *c; c++)
            if (*c == '\'')
                strbuf_append_text(&buf, "'\\''");
            else
                strbuf_append_char(&buf, *c);
        strbuf_append_char(&buf, '\'');
    }
    text = strbuf_copy(&buf, arena).data;
    strbuf_free(&buf);
    return text;
}

static void add_option(struct strbuf *out, const char *text)
{
    strbuf_printf(out, "%s%s", out->len ? " " : "", text);
}

/* What the command is about, as it was given: whoever types it again wants no more done, and no less. Consent and
 * reasons are for people to give anew; where a database is, need not be on a screen. */
static const char *options_to_repeat(struct arena *arena, const struct cli_arguments *arguments)
{
    static const struct {
        enum cli_option option;
        const char *name; /* of one that is written with its value */
        const char *text; /* of any other */
    } kept[] = {
        {CLI_OPTION_TO, "--to", NULL},
        {CLI_OPTION_PHASE, "--phase", NULL},
        {CLI_OPTION_OUT_OF_ORDER, "--out-of-order", NULL},
        {CLI_OPTION_MIGRATION, "--migration", NULL},
        {CLI_OPTION_LAST, NULL, "--last"},
        {CLI_OPTION_RESUME, NULL, "--resume"},
        {CLI_OPTION_AS, "--as", NULL},
        {CLI_OPTION_REBUILD, NULL, "--rebuild URL"},
    };
    struct strbuf out = STRBUF_INIT;
    const char *text;

    if (arguments->command == CLI_COMMAND_RESOLVE)
        add_option(&out, arguments->operands.items[0]);
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        const struct cli_values *values = &arguments->options[kept[i].option];

        for (size_t v = 0; v < values->items.count; v++)
            add_option(&out, kept[i].name ? quote_argument(arena, kept[i].name, values->items.items[v]) : kept[i].text);
    }
    if (arguments->command == CLI_COMMAND_RESOLVE)
        add_option(&out, "--reason TEXT");
    text = out.len ? strbuf_copy(&out, arena).data : "";
    strbuf_free(&out);
    return text;
}

/* These look at what is pending alone, and complete that; but at first contact everything is. */
static bool wants_outline(const struct cli_arguments *arguments)
{
    return arguments->command == CLI_COMMAND_STATUS ||
           (arguments->command == CLI_COMMAND_VERIFY && !cli_has(arguments, CLI_OPTION_REBUILD)) ||
           (arguments->command == CLI_COMMAND_APPLY && !cli_has(arguments, CLI_OPTION_INIT) &&
               !cli_has(arguments, CLI_OPTION_DRY_RUN) && !cli_has(arguments, CLI_OPTION_PASS));
}

static bool load_plan(struct command *command, const char **plan_argument, struct error *error)
{
    bool (*load)(struct arena *, const char *, struct plan **, struct error *) =
        wants_outline(command->arguments) ? plan_load_outline : plan_load;
    const char *path = cli_value(command->arguments, CLI_OPTION_PLAN);
    const char *environment = cli_value(command->arguments, CLI_OPTION_ENV);

    if (!path && !environment) {
        error_set(error, EXIT_STATUS_USAGE, "which plan is meant?");
        return error_help(error, "--env ENV for plans/ENV.plan, or --plan FILE");
    }
    if (environment && (environment[0] == '.' || strchr(environment, '/')))
        return error_set(
            error, EXIT_STATUS_USAGE, "'%s' is no name of an environment; a file is given with --plan", environment);
    *plan_argument =
        path ? quote_argument(command->arena, "--plan", path) : quote_argument(command->arena, "--env", environment);
    if (!path)
        path = arena_printf(command->arena, "plans/%s.plan", environment);
    if (!load(command->arena, path, &command->plan, error))
        return false;
    if (environment && strcmp(command->plan->environment, environment) != 0)
        return error_set(error, EXIT_STATUS_WRONG_TARGET, "'%s' is a plan of environment '%s', not of '%s'", path,
            command->plan->environment, environment);
    return true;
}

static void set_up_progress(struct command *command)
{
    const char *log = cli_value(command->arguments, CLI_OPTION_LOG);
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    bool terminal = isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0;
    enum progress_mode mode = terminal ? PROGRESS_TERMINAL : PROGRESS_PLAIN;
    struct winsize size = {0};

    if (log && strcmp(log, "json") == 0)
        mode = PROGRESS_JSON;
    else if (log && strcmp(log, "plain") == 0)
        mode = PROGRESS_PLAIN;
    if (!terminal || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        size.ws_col = 0;
    /* https://no-color.org: any non-empty value. */
    progress_init(&command->host.progress, stdout, mode,
        terminal && mode != PROGRESS_JSON && !(no_color && no_color[0]), size.ws_col, &command->host.env);
}

/* Tests want leases that expire soon; everybody else is served by the default. */
static bool lease_duration(int64_t *out, struct error *error)
{
    const char *text = getenv("INVPLAN_LEASE_MS");

    *out = SESSION_LEASE_MS;
    if (text && (!str_to_i64(str_from(text), out) || *out < LEASE_MIN_MS || *out > LEASE_MAX_MS))
        return error_set(error, EXIT_STATUS_USAGE, "INVPLAN_LEASE_MS is a number from %d to %d, not '%s'", LEASE_MIN_MS,
            LEASE_MAX_MS, text);
    return true;
}

static bool set_up(
    struct command *command, const struct driver_ops *(*driver_for)(enum engine engine), struct error *error)
{
    struct session_config config = {.arena = command->arena, .host = &command->host.env, .driver_for = driver_for};

    if (!load_plan(command, &config.plan_argument, error) || !lease_duration(&config.lease_ms, error))
        return false;
    config.plan = command->plan;
    config.command = cli_command_name(command->arguments->command);
    config.command_options = options_to_repeat(command->arena, command->arguments);
    config.holder = holder_describe(command->arena);
    session_start(&command->session, &config);
    return true;
}

/* --- one function a command --------------------------------------------------------------------------------------- */

static int apply(struct command *command, struct error *error)
{
    const struct cli_arguments *arguments = command->arguments;
    const struct cli_values *pass = &arguments->options[CLI_OPTION_PASS];
    const struct cli_values *out_of_order = &arguments->options[CLI_OPTION_OUT_OF_ORDER];
    const struct cli_values *heads = &arguments->options[CLI_OPTION_EXPECT_HEAD];
    const char *phase = cli_value(arguments, CLI_OPTION_PHASE);
    struct run_options options = {
        .init = cli_has(arguments, CLI_OPTION_INIT),
        .dry_run = cli_has(arguments, CLI_OPTION_DRY_RUN),
        .yes = cli_has(arguments, CLI_OPTION_YES),
        .to = cli_value(arguments, CLI_OPTION_TO),
        .has_phase = phase != NULL,
        .reason = cli_value(arguments, CLI_OPTION_REASON),
        .pass = pass->items.items,
        .pass_count = pass->items.count,
        .out_of_order = out_of_order->items.items,
        .out_of_order_count = out_of_order->items.count,
        .expect_head = heads->items.items,
        .expect_head_count = heads->items.count,
    };

    if (phase && !phase_from_name(str_from(phase), &options.phase))
        BUG("phase '%s' passed the command line's check", phase);
    return run_apply(&command->session, &options, &command->host.progress, &command->report, error);
}

static int rollback(struct command *command, struct error *error)
{
    const struct rollback_options options = {
        .to = cli_value(command->arguments, CLI_OPTION_TO),
        .migration = cli_value(command->arguments, CLI_OPTION_MIGRATION),
        .last = cli_has(command->arguments, CLI_OPTION_LAST),
        .resume = cli_has(command->arguments, CLI_OPTION_RESUME),
        .yes = cli_has(command->arguments, CLI_OPTION_YES),
    };

    if ((options.to != NULL) + (options.migration != NULL) + options.last + options.resume != 1) {
        error_set(error, EXIT_STATUS_USAGE, "rollback wants exactly one of --to, --migration, --last and --resume");
        error_help(error, "%s", session_line(&command->session, "rollback --to MIGRATION"));
        return error->exit_status;
    }
    return rollback_run(&command->session, &options, &command->host.progress, &command->report, error);
}

/* The same plan, against the same targets, as another process would. */
static void begin_anew(struct command *command)
{
    const struct session_config config = command->session.config;

    session_close(&command->session);
    session_start(&command->session, &config);
}

static int redo(struct command *command, struct error *error)
{
    const char *migration = NULL;
    const struct rollback_options back = {.newest = &migration, .yes = true};
    struct run_options forth = {.yes = true};
    int status;

    if (!command->plan->disposable) {
        error_set(error, EXIT_STATUS_NOT_DISPOSABLE, "environment '%s' is not disposable: redo loses data",
            command->plan->environment);
        error_help(error, "what can be undone exactly, can be anywhere: %s",
            session_line(&command->session, "rollback --migration MIGRATION"));
        return error->exit_status;
    }
    status = rollback_run(&command->session, &back, &command->host.progress, &command->report, error);
    if (status != EXIT_STATUS_DONE || !migration)
        return status;
    forth.to = arena_strdup(command->arena, migration);
    if (!plan_find_migration(command->plan, forth.to)) {
        session_log(&command->session, "warning", "migration '%s' was undone; the plan does not have it any more",
            forth.to);
        return EXIT_STATUS_DONE;
    }
    begin_anew(command);
    return run_apply(&command->session, &forth, &command->host.progress, &command->report, error);
}

static int baseline(struct command *command, struct error *error)
{
    const struct baseline_options options = {
        .to = cli_value(command->arguments, CLI_OPTION_TO),
        .rebuild = cli_value(command->arguments, CLI_OPTION_REBUILD),
        .reason = cli_value(command->arguments, CLI_OPTION_REASON),
    };

    return baseline_run(&command->session, &options, error);
}

static int init(struct command *command, struct error *error)
{
    struct session *session = &command->session;

    if (!session_open(session, error))
        return error->exit_status;
    for (size_t i = 0; i < session->target_count; i++)
        if (session->targets[i].initialised)
            session_log(session, "info", "target '%s' has its ledger already", session->targets[i].plan->name);
    return session_initialise(session, error) ? EXIT_STATUS_DONE : error->exit_status;
}

static int resolve(struct command *command, struct error *error)
{
    const char *as = cli_value(command->arguments, CLI_OPTION_AS);
    const struct resolve_options options = {
        .step = command->arguments->operands.items[0],
        .applied = as && strcmp(as, "applied") == 0,
        .reason = cli_value(command->arguments, CLI_OPTION_REASON),
    };

    if (!as || !options.reason) {
        error_set(error, EXIT_STATUS_USAGE, "resolve wants --as and --reason: both are kept in the ledger");
        error_help(error, "%s", session_line(&command->session, "resolve %s --as applied --reason TEXT", options.step));
        return error->exit_status;
    }
    return resolve_run(&command->session, &options, error);
}

/* status, verify and replay: as JSON, or for people. */
static void write_result(
    struct command *command, const struct json *result, void (*print)(const struct json *, struct strbuf *))
{
    const char *format = cli_value(command->arguments, CLI_OPTION_FORMAT);
    struct strbuf text = STRBUF_INIT;

    if (format && strcmp(format, "json") == 0) {
        json_write_pretty(&text, result);
        strbuf_append_char(&text, '\n');
        progress_raw(&command->host.progress, strbuf_view(&text));
    } else {
        print(result, &text);
        progress_text(&command->host.progress, strbuf_view(&text));
    }
    strbuf_free(&text);
}

static int show_status(struct command *command, struct error *error)
{
    struct json *result;
    int status = status_read(&command->session, &result, error);

    if (result)
        write_result(command, result, status_print);
    return status;
}

static int show_verify(struct command *command, struct error *error)
{
    struct json *result;
    int status = verify_read(&command->session, cli_value(command->arguments, CLI_OPTION_REBUILD), &result, error);

    if (result)
        write_result(command, result, verify_print);
    return status;
}

/* A number from 1 on; 0 where the option was not given. */
static bool read_count(const struct cli_arguments *arguments, enum cli_option option, const char *name, int64_t *out,
    struct error *error)
{
    const char *text = cli_value(arguments, option);

    *out = 0;
    return !text || (str_to_i64(str_from(text), out) && *out > 0 && *out <= INT32_MAX) ||
           error_set(error, EXIT_STATUS_USAGE, "%s takes a number from 1 on, not '%s'", name, text);
}

static int replay(struct command *command, struct error *error)
{
    const struct cli_arguments *arguments = command->arguments;
    struct replay_options options = {
        .file = arguments->operands.count ? arguments->operands.items[0] : NULL,
        .items = cli_has(arguments, CLI_OPTION_DYNAMODB),
        .selection = {.stream = cli_value(arguments, CLI_OPTION_STREAM), .type = cli_value(arguments, CLI_OPTION_EVENT_ONLY)},
    };
    struct json *report;
    int status;

    if (!read_count(arguments, CLI_OPTION_SAMPLE, "--sample", &options.selection.sample, error) ||
        !read_count(arguments, CLI_OPTION_MAX_RCU, "--max-rcu", &options.selection.max_rcu, error))
        return error->exit_status;
    if (options.file && (options.selection.sample || options.selection.max_rcu)) {
        error_set(error, EXIT_STATUS_USAGE, "--sample and --max-rcu are about the table, not about a file");
        error_help(error, "shuf -n 1000 FILE | invplan replay - takes a sample of a file");
        return error->exit_status;
    }
    if (!options.file && options.items) {
        error_set(error, EXIT_STATUS_USAGE, "--dynamodb is about the lines of a file; those of a table are items anyway");
        return error->exit_status;
    }
    status = replay_run(&command->session, &options, &report, error);
    if (report)
        write_result(command, report, replay_print);
    return status;
}

static int dispatch(struct command *command, struct error *error)
{
    switch (command->arguments->command) {
    case CLI_COMMAND_INIT:
        return init(command, error);
    case CLI_COMMAND_APPLY:
        return apply(command, error);
    case CLI_COMMAND_ROLLBACK:
        return rollback(command, error);
    case CLI_COMMAND_STATUS:
        return show_status(command, error);
    case CLI_COMMAND_VERIFY:
        return show_verify(command, error);
    case CLI_COMMAND_REPLAY:
        return replay(command, error);
    case CLI_COMMAND_REDO:
        return redo(command, error);
    case CLI_COMMAND_BASELINE:
        return baseline(command, error);
    case CLI_COMMAND_REBIND:
        return rebind_run(&command->session, cli_has(command->arguments, CLI_OPTION_YES),
            cli_value(command->arguments, CLI_OPTION_REASON), error);
    case CLI_COMMAND_RESOLVE:
        return resolve(command, error);
    case CLI_COMMAND_UNLOCK:
        return unlock_run(&command->session, error);
    default:
        BUG("command %d is not of this program", (int)command->arguments->command);
    }
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

static bool wants_report(const struct cli_arguments *arguments)
{
    return (arguments->command == CLI_COMMAND_APPLY && !cli_has(arguments, CLI_OPTION_DRY_RUN)) ||
           arguments->command == CLI_COMMAND_ROLLBACK || arguments->command == CLI_COMMAND_REDO;
}

static void write_report(struct command *command, int status, const struct error *result)
{
    const char *path = cli_value(command->arguments, CLI_OPTION_REPORT);
    struct error error;

    path = path ? path : "migration-report.json";
    if (report_write(&command->report, &command->session, status, result, path, &error))
        session_log(&command->session, "info", "the report is in '%s'", path);
    else
        session_log(&command->session, "warning", "%s", error.message);
}

/* The last event of --log=json. */
static void write_ended(struct command *command, int status, const struct error *error)
{
    struct json *event = json_new(command->arena, JSON_OBJECT);

    json_set_text(command->arena, event, "event", "ended");
    json_set_integer(command->arena, event, "exit_status", status);
    json_set_text(command->arena, event, "outcome", exit_status_meaning(status));
    json_set_text(command->arena, event, "message", status == EXIT_STATUS_DONE ? NULL : error->message);
    json_set_text(command->arena, event, "help", status == EXIT_STATUS_DONE || !error->help[0] ? NULL : error->help);
    progress_json(&command->host.progress, event);
}

/* Every halt says what to type next, also where whoever halted knew nothing better. */
static void add_next_line(struct command *command, int status, struct error *error)
{
    const char *again = session_line(&command->session, "%s", cli_command_name(command->arguments->command));

    if (error->help[0])
        return;
    switch (status) {
    case EXIT_STATUS_HISTORY:
    case EXIT_STATUS_DRIFT:
    case EXIT_STATUS_OUT_OF_ORDER:
    case EXIT_STATUS_LEASE:
    case EXIT_STATUS_HALTED:
    case EXIT_STATUS_UNDO_HALTED:
        if (command->arguments->command == CLI_COMMAND_STATUS)
            error_help(error, "restore the ledger's tables from a backup: every command is refused while they are so");
        else
            error_help(error, "how things stand: %s", session_line(&command->session, "status"));
        break;
    case EXIT_STATUS_UNREACHABLE:
    case EXIT_STATUS_AUTHENTICATION:
    case EXIT_STATUS_PERMISSION:
        error_help(error, "when that is mended: %s", again);
        break;
    case EXIT_STATUS_RESUMABLE:
        error_help(error, "to go on: %s", again);
        break;
    default:
        break;
    }
}

static int report_failure(int status, struct error *error)
{
    redact_text(error->message);
    redact_text(error->help);
    error->exit_status = status;
    return cli_report(error);
}

int command_run(struct arena *arena, const struct cli_arguments *arguments,
    const struct driver_ops *(*driver_for)(enum engine engine))
{
    struct command command = {.arena = arena, .arguments = arguments};
    struct error error = {0};
    int status;

    host_init(&command.host, cli_duration_ms(arguments, CLI_OPTION_DEADLINE, -1));
    command.host.pause_file = cli_value(arguments, CLI_OPTION_PAUSE_FILE);
    set_up_progress(&command);
    if (!set_up(&command, driver_for, &error))
        return report_failure(error.exit_status, &error);
    report_start(&command.report, arena, cli_command_name(arguments->command),
        session_now(&command.session), command.host.env.wall_ms(&command.host));
    status = dispatch(&command, &error);
    add_next_line(&command, status, &error);
    progress_clear(&command.host.progress);
    if (wants_report(arguments))
        write_report(&command, status, &error);
    session_close(&command.session);
    if (command.host.progress.mode == PROGRESS_JSON)
        write_ended(&command, status, &error);
    if (status != EXIT_STATUS_DONE)
        report_failure(status, &error);
    redact_forget_all();
    return status;
}
