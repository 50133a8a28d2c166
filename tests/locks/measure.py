#!/usr/bin/env python3
"""Measures on a server what statements lock, rewrite and scan, one JSON object a line:

    measure.py [LOCKS.JSONL] >MEASURED.JSONL

The statements are those of LOCKS.JSONL (form, setup, statement), where it is given, measured anew, and variants made
here: each form of FORMS in each world of WORLDS, which differ in names, schemas, types, partitions and foreign keys.
TEST_DATABASE_URL names a private server with nobody else on it (tests/services/with). The compiler's word is compared
with what is written here by build/conformance/locks_runner: `make locks` does both.

How it measures. A statement that may be in a transaction: BEGIN, statement, then pg_locks, the file nodes before and
after, pg_stat_xact_user_tables; ROLLBACK. One that may not: another session holds each lock mode in turn on each table,
and the modes that it waits for tell its own.
"""
import json
import os
import re
import subprocess
import sys

MODES = ["AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock",
         "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"]
# The modes, by their place in MODES, that each mode conflicts with (PostgreSQL's manual, 13.3.1).
CONFLICTS = [{7}, {6, 7}, {4, 5, 6, 7}, {3, 4, 5, 6, 7}, {2, 3, 5, 6, 7}, {2, 3, 4, 5, 6, 7}, {1, 2, 3, 4, 5, 6, 7},
             {0, 1, 2, 3, 4, 5, 6, 7}]

# --- the variants ---------------------------------------------------------------------------------------------------

# What a form may name: {t} a table with rows, {o} one that {t} refers to, {c} one that refers to {t}, {p} a partitioned
# table with the partitions {p1} and {p2}, {x} a table that could become one, and columns {k} (key), {a}, {b} of {t}.
FIXTURE = """
create table {o} (id {key} primary key, label text);
insert into {o} select g, 'o' || g from generate_series(1, 50) g;
create table {t} ({k} {key} primary key, {a} {number}, {b} varchar(40), w {wide}, {ref} {key} references {o},
    made timestamptz not null default now());
insert into {t} select g, g, 'b' || g, g, 1 + g % 50 from generate_series(1, 200) g;
create index {ia} on {t} ({a});
create unique index {ub} on {t} ({k}, {b});
alter table {t} add constraint a_positive check ({a} > 0) not valid;
alter table {t} add constraint b_is_there check ({b} is not null);
create table {c} (id int primary key, t_id {key} constraint c_to_t references {t});
insert into {c} select g, g from generate_series(1, 20) g;
create table {p} (id {key}, day {part}, note text) partition by {by};
create table {p1} partition of {p} for values {v1};
create table {p2} partition of {p} for values {v2};
insert into {p} values {rows};
create table {x} (id {key}, day {part}, note text);
create view {v} as select {k}, {a} from {t};
create function {s}.stamp() returns trigger language plpgsql as 'begin return new; end';
create trigger stamped before update on {t} for each row execute function {s}.stamp();
create policy everybody on {t} using (true);
analyze;
"""

BY_RANGE = {"part": "date", "by": "range (day)", "v1": "from ('2024-01-01') to ('2025-01-01')",
            "v2": "from ('2025-01-01') to ('2026-01-01')", "v3": "from ('2026-01-01') to ('2027-01-01')",
            "rows": "(1, '2024-02-02', 'n'), (2, '2025-02-02', 'n')",
            "proof": "day is not null and day >= '2026-01-01' and day < '2027-01-01'"}
BY_LIST = {"part": "text", "by": "list (day)", "v1": "in ('mon', 'tue')", "v2": "in ('wed')", "v3": "in ('thu')",
           "rows": "(1, 'mon', 'n'), (2, 'wed', 'n')", "proof": "day is not null and day = 'thu'"}


def world(name, schema, other_schema, names, types, partitions):
    tables = dict(zip(("t", "o", "c", "p", "p1", "p2", "x", "v", "n"), names["tables"]))
    values = {key: f"{other_schema if key == 'o' else schema}.{table}" for key, table in tables.items()}
    values.update(zip(("k", "a", "b", "ref"), names["columns"]))
    values.update(ia=names["index"], ub=f"{tables['t'].strip(chr(34))}_ub".join('""'), s=schema, **types, **partitions)
    values["qia"] = f"{schema}.{names['index']}"
    values["bare"] = tables
    return {"name": name, "schemas": [schema.strip('"'), other_schema.strip('"')], "values": values}


WORLDS = [
    world("plain names", "shop", "shop",
          {"tables": ["orders", "customers", "parcels", "visits", "visits_1", "visits_2", "visits_3", "open_orders", "added"],
           "columns": ["id", "total", "code", "customer_id"], "index": "orders_total_idx"},
          {"key": "int", "number": "int", "wide": "numeric(8,2)"}, BY_RANGE),
    world("quoted names in two schemas", '"The Shop"', '"Who Buys"',
          {"tables": ['"Order Lines"', '"People"', '"Sent"', '"Visits"', '"Visits one"', '"Visits two"', '"Visits three"',
                      '"Open"', '"Added"'],
           "columns": ['"Line"', '"Total €"', '"Code"', '"Who"'], "index": '"by total"'},
          {"key": "bigint", "number": "bigint", "wide": "numeric(12,4)"}, BY_LIST),
]

# (form, statement, setup besides)
FORMS = [
    ("add a column", "alter table {t} add column note text"),
    ("add a column with a constant default", "alter table {t} add column n {number} not null default 1"),
    ("add a column with a volatile default", "alter table {t} add column u double precision default random()"),
    ("add a column that refers to a table", "alter table {t} add column again {key} references {o}"),
    ("add a column with a check", "alter table {t} add column z int check (z > 0)"),
    ("add a column to a partitioned table", "alter table {p} add column z int"),
    ("drop a column", "alter table {t} drop column w"),
    ("drop a column that refers to a table", "alter table {t} drop column {ref}"),
    ("widen an integer", "alter table {c} alter column id type bigint"),
    ("widen a varchar", "alter table {t} alter column {b} type varchar(80)", "alter table {t} drop constraint b_is_there;"),
    ("varchar to text", "alter table {t} alter column {b} type text", "alter table {t} drop constraint b_is_there;"),
    ("narrow a varchar", "alter table {t} alter column {b} type varchar(30)", "alter table {t} drop constraint b_is_there;"),
    ("set not null", "alter table {t} alter column w set not null"),
    ("set not null where a check proves it", "alter table {t} alter column {b} set not null"),
    ("drop not null", "alter table {t} alter column made drop not null"),
    ("set a default", "alter table {t} alter column {a} set default 4"),
    ("add a check", "alter table {t} add constraint more check ({a} < 100000)"),
    ("add a check, not valid", "alter table {t} add constraint more check ({a} < 100000) not valid"),
    ("add a check to a partitioned table", "alter table {p} add constraint more check (id > 0)"),
    ("validate a check", "alter table {t} validate constraint a_positive"),
    ("add a foreign key", "alter table {t} add constraint more foreign key ({k}) references {c}",
     "insert into {c} select g from generate_series(21, 200) g; alter table {c} alter column id type {key};"),
    ("add a foreign key, not valid", "alter table {c} add constraint more foreign key (t_id) references {t} not valid"),
    ("validate a foreign key", "alter table {c} validate constraint more",
     "alter table {c} add constraint more foreign key (t_id) references {t} not valid;"),
    ("add a foreign key to a partitioned table", "alter table {p} add constraint more foreign key (id) references {o}"),
    ("drop a foreign key", "alter table {c} drop constraint c_to_t"),
    ("drop a check", "alter table {t} drop constraint b_is_there"),
    ("add a unique constraint", "alter table {t} add constraint more unique ({a})"),
    ("drop a key that is referred to", "alter table {o} drop constraint o_key cascade",
     "alter table {o} add constraint o_key unique (label);"),
    ("rename a table", "alter table {t} rename to renamed"),
    ("rename a column", "alter table {t} rename column w to wider"),
    ("rename a constraint", "alter table {t} rename constraint b_is_there to b_there"),
    ("move a table to another schema", "alter table {x} set schema public"),
    ("two changes at once", "alter table {t} add column note text, alter column {a} set default 4"),
    ("a cheap and a dear change at once", "alter table {t} add column note text, alter column w set not null"),
    ("disable a trigger", "alter table {t} disable trigger stamped"),
    ("force row security", "alter table {t} force row level security"),
    ("change the owner", "alter table {c} owner to current_user"),
    ("set a fill factor", "alter table {t} set (fillfactor = 70)"),
    ("set unlogged", "alter table {x} set unlogged"),
    ("attach a partition", "alter table {p} attach partition {x} for values {v3}"),
    ("attach a partition whose check proves it", "alter table {p} attach partition {x} for values {v3}",
     "alter table {x} add constraint proof check ({proof});"),
    ("attach a partition beside a default one", "alter table {p} attach partition {x} for values {v3}",
     "create table {n} partition of {p} default;"),
    ("detach a partition", "alter table {p} detach partition {p2}"),
    ("create an index", "create index more on {t} (w)"),
    ("create a unique index on an expression", "create unique index more on {t} ((upper({b})), {k}) where {a} > 3"),
    ("create an index on a partitioned table", "create index more on {p} (id)"),
    ("create an index on a partitioned table only", "create index more on only {p} (id)"),
    ("drop an index", "drop index {qia}"),
    ("drop an index of a partitioned table", "drop index {s}.more", "create index more on {p} (id);"),
    ("create a table", "create table {n} (id int primary key, t text)"),
    ("create a table that refers to another", "create table {n} (id int primary key, r {key} references {t})"),
    ("create a table like another", "create table {n} (like {t} including all)"),
    ("create a table of a query", "create table {n} as select * from {o}"),
    ("create a partition", "create table {n} partition of {p} for values {v3}"),
    ("drop a table that refers to another", "drop table {c}"),
    ("drop a table that is referred to", "drop table {t} cascade"),
    ("drop a partition", "drop table {p1}"),
    ("drop a partitioned table", "drop table {p}"),
    ("truncate", "truncate {c}"),
    ("truncate with what refers to it", "truncate {t} cascade"),
    ("create a trigger", "create trigger more after insert on {t} for each row execute function {s}.stamp()"),
    ("create a trigger on a partitioned table", "create trigger more after insert on {p} for each row execute function {s}.stamp()"),
    ("create a statement trigger on a partitioned table",
     "create trigger more after insert on {p} execute function {s}.stamp()"),
    ("drop a trigger of a partitioned table", "drop trigger more on {p}",
     "create trigger more after insert on {p} for each row execute function {s}.stamp();"),
    ("disable a trigger of a partitioned table", "alter table {p} disable trigger more",
     "create trigger more after insert on {p} for each row execute function {s}.stamp();"),
    ("drop a column of a partitioned table", "alter table {p} drop column note"),
    ("change a type in a partitioned table", "alter table {p} alter column note type varchar(10)"),
    ("set not null in a partitioned table", "alter table {p} alter column note set not null"),
    ("set a default in a partitioned table", "alter table {p} alter column note set default 'n'"),
    ("rename a column of a partitioned table", "alter table {p} rename column note to remark"),
    ("drop a check of a partitioned table", "alter table {p} drop constraint more",
     "alter table {p} add constraint more check (id > 0);"),
    ("validate a check of a partitioned table", "alter table {p} validate constraint more",
     "alter table {p} add constraint more check (id > 0) not valid;"),
    ("drop a foreign key of a partitioned table", "alter table {p} drop constraint more",
     "alter table {p} add constraint more foreign key (id) references {o};"),
    ("refer to a partitioned table", "alter table {x} add constraint more foreign key (id, day) references {p}",
     "alter table {p} add primary key (id, day);"),
    ("add a key to a partitioned table", "alter table {p} add primary key (id, day)"),
    ("truncate a partitioned table", "truncate {p}"),
    ("enable row security on a partitioned table", "alter table {p} enable row level security"),
    ("grant on a partitioned table", "grant select on {p} to public"),
    ("comment on a partitioned table", "comment on table {p} is 'p'"),
    ("insert into a partitioned table", "insert into {p} values {rows}"),
    ("update a partitioned table", "update {p} set note = 'm'"),
    ("delete from a partitioned table", "delete from {p}"),
    ("read a partitioned table", "select count(*) from {p}"),
    ("add a column to a parent", "alter table {x} add column z int", "create table {n} () inherits ({x});"),
    ("add a check to a parent", "alter table {x} add constraint more check (id > 0)", "create table {n} () inherits ({x});"),
    ("index a parent", "create index more on {x} (id)", "create table {n} () inherits ({x});"),
    ("drop a trigger", "drop trigger stamped on {t}"),
    ("create a policy", "create policy more on {t} for select using ({a} > 0)"),
    ("drop a policy", "drop policy everybody on {t}"),
    ("create a view over two tables", "create view {n} as select l.{k} from {t} l join {o} r on r.id = l.{ref}"),
    ("replace a view", "create or replace view {v} as select {k}, {a} from {t}"),
    ("drop a view", "drop view {v}"),
    ("create a materialized view", "create materialized view {n} as select count(*) from {t}"),
    ("comment on a column", "comment on column {t}.w is 'w'"),
    ("grant", "grant select, insert on {t} to public"),
    ("lock a table", "lock table {t} in share row exclusive mode"),
    ("insert", "insert into {o} (id, label) values (9999, 'x')"),
    ("update from another table", "update {t} set {a} = {a} from {o} r where r.id = {ref}"),
    ("delete with another table", "delete from {c} using {o} r where r.id = t_id"),
    ("select for update of one of two", "select 1 from {t} l join {o} r on r.id = l.{ref} for update of l"),
]

ALONE = [
    ("create an index concurrently", "create index concurrently more on {t} (w)", ["t"]),
    ("drop an index concurrently", "drop index concurrently {qia}", ["t"]),
    ("reindex concurrently", "reindex index concurrently {qia}", ["t"]),
    ("detach a partition concurrently", "alter table {p} detach partition {p2} concurrently", ["p", "p2"]),
]

# Where the server's planner chooses between reading a table and reading an index, a scan says nothing.
PLANNED = re.compile(r"^\s*(update|delete|insert|select|create view|lock)", re.I)


def variants():
    for w in WORLDS:
        schemas = sorted({f'create schema if not exists "{s}";' for s in w["schemas"]})
        setup = " ".join(schemas) + f' set search_path = "{w["schemas"][0]}";' + FIXTURE.format(**w["values"])
        for form, statement, *more in FORMS:
            yield {"form": f"{form} ({w['name']})", "schemas": w["schemas"],
                   "setup": setup + "".join(more).format(**w["values"]), "statement": statement.format(**w["values"]),
                   "transaction": True, "notes": "the scan depends on the plan" if PLANNED.match(statement) else ""}
        for form, statement, tables in ALONE:
            yield {"form": f"{form} ({w['name']})", "schemas": w["schemas"], "setup": setup,
                   "statement": statement.format(**w["values"]), "transaction": False, "notes": "",
                   "tables": [w["values"]["bare"][t].strip('"') for t in tables]}


# --- measuring ------------------------------------------------------------------------------------------------------

PSQL = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", os.environ.get("TEST_DATABASE_URL", "")]

SNAPSHOT = """create temp table before as select c.oid, relname, relkind, relfilenode from pg_class c
 join pg_namespace n on n.oid = relnamespace where nspname in ({schemas}) and relkind <> 'c';"""

MEASURE = """select json_build_object(
 'locks', (select coalesce(json_agg(json_build_object('relation', name, 'mode', mode) order by name), '[]') from (
   select coalesce(b.relname, c.relname) as name, l.mode
   from (select relation, (array_agg(mode order by array_position(array[{modes}], mode) desc))[1] as mode
         from pg_locks where pid = pg_backend_pid() and locktype = 'relation' group by relation) l
   left join before b on b.oid = l.relation
   left join (pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname in ({schemas})) on c.oid = l.relation
   where coalesce(b.relname, c.relname) is not null) x),
 'rewrite', exists (select from before b join pg_class c using (oid) where c.relfilenode <> b.relfilenode and b.relkind in ('r', 'm')),
 'scan', exists (select from pg_stat_xact_user_tables where schemaname in ({schemas}) and seq_scan > 0));"""


def psql(sql):
    done = subprocess.run(PSQL, input=sql, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[0])
    return done.stdout.strip()


def literals(words):
    return ", ".join(f"'{w}'" for w in words)


def clean(row):
    drops = "".join(f'drop schema if exists "{s}" cascade;' for s in {*row["schemas"], "public"})
    publications = "drop publication if exists pb; drop publication if exists pb2;"
    psql(f"set client_min_messages = error; {publications} {drops} create schema public;")


def in_transaction(row):
    zone = "".join(re.findall(r"set timezone=[^;]*;", row["setup"]))
    schemas = literals(row["schemas"])
    psql(row["setup"])
    line = psql(f"set search_path = \"{row['schemas'][0]}\"; {SNAPSHOT.format(schemas=schemas)} {zone} begin;\n"
                f"{row['statement']};\n" + MEASURE.format(modes=literals(MODES), schemas=schemas) + "rollback;")
    return json.loads(line.splitlines()[-1])


class Session:
    """A psql that is spoken to line by line."""

    def __init__(self):
        self.process = subprocess.Popen(PSQL, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, sql):
        self.process.stdin.write(f"{sql}\nselect '--done--';\n")
        self.process.stdin.flush()
        lines = []
        while (line := self.process.stdout.readline()) != "--done--\n":
            if not line:
                raise RuntimeError(f"psql ended at: {sql}")
            lines.append(line.rstrip("\n"))
        return lines

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def waits_for(row, table, mode):
    """Whether the statement waits for a lock on the table that another session holds in the mode."""
    qualified = f'"{row["schemas"][0]}"."{table}"'
    words = re.sub(r"(?<!^)([A-Z])", r" \1", mode.removesuffix("Lock")).lower()
    clean(row)
    psql(row["setup"])
    blocker = Session()
    blocker.ask(f"begin; lock table {qualified} in {words} mode;")
    runner = subprocess.Popen(PSQL + ["-c", f"set application_name = 'measured'; set search_path = \"{row['schemas'][0]}\"",
                                      "-c", row["statement"]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    asked = f"""select coalesce(max(case when locktype = 'relation' then relation::regclass::oid = '{qualified}'::regclass
        else false end::int)::text, '') from pg_locks l join pg_stat_activity a using (pid)
        where a.application_name = 'measured' and not granted;"""
    watcher = Session()
    answer = ""
    while runner.poll() is None and not answer:  # it either ends or comes to wait for something
        answer = "".join(watcher.ask(asked))
    psql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'measured';")
    runner.wait()
    blocker.close()
    watcher.close()
    return answer == "1"


def alone(row):
    locks = []
    clean(row)
    psql(row["setup"])
    tables = psql(f"""select relname from pg_class c join pg_namespace n on n.oid = relnamespace
        where relkind in ('r', 'p') and nspname = '{row["schemas"][0]}' and relname in ({literals(row["tables"])});""")
    for table in tables.splitlines():
        conflicts = {i for i, mode in enumerate(MODES) if waits_for(row, table, mode)}
        if conflicts not in CONFLICTS:
            raise RuntimeError(f"{table}: the conflicts {sorted(conflicts)} fit no mode")
        locks.append({"relation": table, "mode": MODES[CONFLICTS.index(conflicts)]})
    clean(row)
    psql(row["setup"])
    line = Session()
    schemas = literals(row["schemas"])
    line.ask(f"set search_path = \"{row['schemas'][0]}\";" + SNAPSHOT.format(schemas=schemas))
    before = f"select coalesce(sum(seq_scan), 0) from pg_stat_user_tables where schemaname in ({schemas});"
    line.ask("select pg_stat_force_next_flush();")
    scans = line.ask(before)
    line.ask(row["statement"] + ";")
    line.ask("select pg_stat_force_next_flush();")
    after = line.ask(before)
    rewrite = line.ask("select exists (select from before b join pg_class c using (oid) where c.relfilenode <> "
                       "b.relfilenode and b.relkind in ('r', 'm'));")
    line.close()
    return {"locks": locks, "rewrite": rewrite == ["t"], "scan": scans != after}


def main():
    if not os.environ.get("TEST_DATABASE_URL"):
        sys.exit("measure.py: TEST_DATABASE_URL is not set: run it by 'make locks'")
    version = psql("show server_version;").split()[0]
    rows = list(variants())
    if len(sys.argv) > 1:
        with open(sys.argv[1], encoding="utf-8") as lines:
            given = [json.loads(line) for line in lines]
        for row in given:
            row.update(schemas=["lk", "public"], tables=[lock["relation"] for lock in row["locks"]])
        rows = given + rows
    for row in rows:
        clean(row)
        try:
            row.update(in_transaction(row) if row["transaction"] else alone(row), server=version)
        except RuntimeError as problem:
            sys.exit(f"measure.py: {row['form']}: {row['statement']}: {problem}")
        for key in ("rewritten", "scanned", "tables"):
            row.pop(key, None)
        print(json.dumps(row), flush=True)


main()
