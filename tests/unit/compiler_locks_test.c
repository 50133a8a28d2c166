/*
 * What statements lock besides the relation that they name. `make locks` measures the same, and much more, on a server;
 * this holds it without one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/compiler_postgres.h"

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct lock *)a)->name, ((const struct lock *)b)->name);
}

/* "p=RowShareLock t=AccessShareLock": tables and views, by name. */
static const char *locks_of(struct world *world)
{
    const struct statement *statement = world_statement(world, world->last.items.count - 1);
    struct strbuf out = STRBUF_INIT;
    const char *text;

    qsort(statement->locks.items, statement->locks.count, sizeof(statement->locks.items[0]), by_name);
    for (size_t i = 0; i < statement->locks.count; i++)
        if (statement->locks.items[i].kind != RELATION_INDEX)
            strbuf_printf(&out, "%s%s=%s", out.len ? " " : "", statement->locks.items[i].relation->name,
                lock_mode_name(statement->locks.items[i].mode));
    text = strbuf_copy(&out, &world->arena).data;
    strbuf_free(&out);
    return text ? text : "";
}

static void statements_lock_what_the_server_locks(void **state)
{
    static const struct {
        const char *sql, *locks;
    } cases[] = {
        {"select 1 from t join o on o.id = t.o_id for update of t", "o=AccessShareLock t=RowShareLock"},
        {"select 1 from t join o on o.id = t.o_id for share", "o=RowShareLock t=RowShareLock"},
        {"select count(*) from p", "p=AccessShareLock p1=AccessShareLock p2=AccessShareLock"},
        {"select count(*) from only p", "p=AccessShareLock"},
        {"select count(*) from v", "p=AccessShareLock p1=AccessShareLock p2=AccessShareLock v=AccessShareLock"},
        {"update p set n = 1", "p=RowExclusiveLock p1=RowExclusiveLock p2=RowExclusiveLock"},
        {"delete from only parent", "parent=RowExclusiveLock"},
        {"delete from parent", "child=RowExclusiveLock parent=RowExclusiveLock"},
        {"insert into p values (1, 1)", "p=RowExclusiveLock p1=RowExclusiveLock p2=RowExclusiveLock"},
        {"insert into parent values (1)", "parent=RowExclusiveLock"},
        {"truncate p", "p=AccessExclusiveLock p1=AccessExclusiveLock p2=AccessExclusiveLock"},
        {"drop index p_n", "p=AccessExclusiveLock p1=AccessExclusiveLock p2=AccessExclusiveLock"},
        {"drop trigger rows on p", "p=AccessExclusiveLock p1=AccessExclusiveLock p2=AccessExclusiveLock"},
        {"drop trigger once on p", "p=AccessExclusiveLock"},
        {"alter table p disable trigger rows", "p=ShareRowExclusiveLock p1=ShareRowExclusiveLock p2=ShareRowExclusiveLock"},
        {"create trigger more after insert on p for each row execute function f()",
            "p=ShareRowExclusiveLock p1=ShareRowExclusiveLock p2=ShareRowExclusiveLock"},
        {"alter table t add constraint fk foreign key (id) references p",
            "p=ShareRowExclusiveLock p1=ShareRowExclusiveLock p2=ShareRowExclusiveLock t=ShareRowExclusiveLock"},
        {"alter table t drop constraint t_o_id_fkey", "o=AccessExclusiveLock t=AccessExclusiveLock"},
        {"create table n (id int references o)", "n=AccessExclusiveLock o=ShareRowExclusiveLock"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world world;

        world_open(&world, "public");
        world_must(&world, "create table o (id int primary key);"
                           "create table t (id int primary key, o_id int references o);"
                           "create table parent (id int); create table child () inherits (parent);"
                           "create table p (id int primary key, n int) partition by list (id);"
                           "create table p1 partition of p for values in (1);"
                           "create table p2 partition of p for values in (2);"
                           "create index p_n on p (n); create view v as select * from p;"
                           "create function f() returns trigger language plpgsql as 'begin return new; end';"
                           "create trigger rows after insert on p for each row execute function f();"
                           "create trigger once after insert on p execute function f()");
        world_must(&world, cases[i].sql);
        if (strcmp(locks_of(&world), cases[i].locks) != 0)
            fail_msg("%s: %s, wanted %s", cases[i].sql, locks_of(&world), cases[i].locks);
        world_close(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_lock_what_the_server_locks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
