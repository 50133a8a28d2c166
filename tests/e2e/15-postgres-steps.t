#!/usr/bin/env python3
"""Every kind of PostgreSQL step against a real server, as its plan says: forward, probe, inverse.

For each case the probe must say 'not done' before a part and 'done' after it, the guard of an exact inverse must hold,
and undoing an exact migration must leave the same pg_dump as before, rows included. psql runs what the plan says; what
only the executor can run, it applies and rolls back itself.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get('INVPLAN_BUILD', os.path.join(ROOT, 'build'))
COMPILER = os.path.join(BUILD, 'invplan-compiler')
SERVER = os.environ.get('TEST_DATABASE_URL')

PROJECT = """invplan: 1
project: steps
targets: { db: { engine: postgres, version: 15 } }
environments: { test: { targets: { db: { url: "${env:DATABASE_URL}" } } } }
migrations:
  - id: setup
    target: db
    allow: [ { rule: PG304, reason: test }, { rule: PG302, reason: test } ]
    steps:
      - name: setup
        sql:
          up: |
%s
  - id: test
    target: db
%s    steps:
%s
"""

SETUP = """create table parent (id integer primary key, code text not null unique);
create type mood as enum ('sad', 'ok');
create function touch() returns trigger language plpgsql as 'begin return new; end';
create table items (id integer primary key, sku varchar(50) not null, quantity integer not null default 0, note text,
  parent_id integer, feeling mood, price numeric(10,2), made timestamptz not null default now(),
  constraint items_quantity_check check (quantity >= 0));
create index items_note_idx on items (note) where note is not null;
create table "Odd Name" ("camelCase" integer primary key, "select" text);
create table plain (a integer, b text);
alter table plain add constraint plain_a_positive check (a > 0) not valid;
create view items_view (id, label) as select id, sku || '!' from items;
create sequence numbers start with 100;
create table log (id integer not null, day date not null, body text, primary key (id, day)) partition by range (day);
create table log_2023 partition of log for values from ('2023-01-01') to ('2024-01-01');
create table log_2022 partition of log for values from ('2022-01-01') to ('2023-01-01');
create table log_2024 (id integer not null, day date not null, body text);
create index log_body_idx on log (body);
create table sorts (id integer not null, kind text) partition by list (kind);
create table sorts_rest partition of sorts default;
create table sorts_a (id integer not null, kind text);
create table hashed (id integer not null) partition by hash (id);
create table hashed_0 (id integer not null);
create table pairs (a integer not null, b integer not null, parent_id integer references parent) partition by range (a, b);
create index pairs_parent_idx on pairs (parent_id);
create table pairs_1 (a integer not null, b integer not null, parent_id integer);
create table stock (id serial primary key, amount integer not null default 5 constraint stock_amount_sane check (amount >= 0),
  code text unique, parent_id integer constraint stock_parent_fk references parent);
create index stock_amount_idx on stock (amount, id) where amount > 1;
create index stock_parent_idx on stock (parent_id);
comment on column stock.amount is 'pieces';
create extension btree_gist;
create table bookings (id integer primary key, room integer, during tstzrange);
create domain percent as integer default 0 constraint percent_range check (value between 0 and 100);
create materialized view totals as select parent_id, sum(id) as total from items group by parent_id;
create unique index totals_key on totals (parent_id);
comment on materialized view totals is 'of items';
create function stamp() returns trigger language plpgsql as 'begin return new; end';
create trigger items_stamp before insert on items for each row execute function stamp();
create policy parent_all on parent using (true);
create procedure refill(a integer, b text) language sql as 'select 1';
create schema attic;
comment on index items_note_idx is 'of notes';
comment on constraint items_quantity_check on items is 'never below zero';
comment on constraint parent_code_key on parent is 'a code is one parent';
comment on constraint plain_a_positive on plain is 'above zero';
comment on constraint stock_parent_fk on stock is 'its parent';
comment on constraint stock_amount_sane on stock is 'sane';
comment on index stock_amount_idx is 'by amount';
comment on type mood is 'how one feels';
comment on function stamp() is 'stamps';
comment on procedure refill(integer, text) is 'refills';
comment on trigger items_stamp on items is 'stamps items';
comment on policy parent_all on parent is 'everybody';
comment on view items_view is 'labels';
comment on sequence numbers is 'from 100';
comment on domain percent is 'of a hundred';
comment on schema attic is 'old things';
comment on table items is 'it''s';
grant select on items_view to invplan_reader;
grant select on totals to invplan_reader;
grant usage on sequence numbers to invplan_reader;
grant usage on schema attic to invplan_reader;
grant execute on procedure refill(integer, text) to invplan_reader;
revoke execute on function touch() from public;
revoke usage on type percent from public;
grant select (note), update (note) on items to invplan_reader;
comment on column items.sku is 'old';"""

ROWS = """insert into parent select g, 'p' || g from generate_series(1, 5) g;
insert into items (id, sku, quantity, note, parent_id, feeling, price)
  select g, 'sku' || g, g, nullif(g % 3, 0)::text, 1 + g % 5, 'ok', g from generate_series(1, 50) g;
insert into "Odd Name" values (1, 'x');
insert into plain select g, g::text from generate_series(1, 10) g;
insert into log select g, date '2023-01-01' + g, 'b' || g from generate_series(1, 300) g;
insert into log_2024 select g, date '2024-01-01' + g, 'b' || g from generate_series(1, 300) g;
insert into sorts select g, chr(98 + g % 5) from generate_series(1, 50) g;
insert into sorts_a select g, 'a' from generate_series(1, 50) g;
insert into pairs_1 select g, g, 1 from generate_series(1, 9) g;
insert into stock (amount, code, parent_id) select g, 'c' || g, 1 + g % 5 from generate_series(1, 40) g;
refresh materialized view totals;"""

# (name, step, grade of the migration, more: parts that are expected, SQL to run before the undo, rules to allow)
CASES = [
    ('create_table with everything', """
      - create_table:
          name: orders
          columns:
            id: "bigint generated always as identity"
            item_id: integer
            "order": "text not null default 'a,b;--'"   # a keyword for a name
            feeling: "mood not null default 'ok'"
            tags: "text[] not null default '{}'"
            amount: "numeric(12,2) check (amount > 0)"
            total: "numeric generated always as (amount * 2) stored"
            span: "interval day to second(3)"
            at: "timestamp(3) with time zone default current_timestamp"
          primary_key: [id]
          unique: { orders_order_key: [order, item_id] }
          checks: { orders_sane: "amount is null or amount < 1e6 -- a comment" }
          foreign_keys: { orders_item_fk: { columns: [item_id], references: items, to: [id], on_delete: cascade, on_update: restrict } }
          indexes:
            orders_item_idx: { columns: [item_id] }
            orders_lower_idx: { columns: ["lower(\\"order\\") desc nulls last"], unique: true, where: "amount > 0", include: [item_id] }
            orders_tags_idx: { columns: [tags], using: gin }
          comment: "it's orders" """, 'exact', {'parts': ['create']}),
    ('create_table in another schema', """
      - create_schema: app
      - create_table: { name: app.things, columns: { id: integer }, primary_key: [id] }""", 'exact', {}),
    ('drop_table', "      - drop_table: plain", 'lossy', {'allow': ['PG202']}),
    ('rename_table', "      - rename_table: { from: plain, to: simple }", 'exact', {'allow': ['PG204']}),
    ('add_column', """      - add_column: { table: items, name: extra, definition: "jsonb not null default '{}'" }""", 'exact', {}),
    ('add_column with quoted names', """      - add_column: { table: Odd Name, name: "A b", definition: "text collate \\"C\\"" }""", 'exact', {}),
    ('add_column of an enum', """      - add_column: { table: items, name: m2, definition: "mood not null default 'sad'" }""", 'exact', {}),
    ('add_column with a volatile default', """
      - add_column: { table: items, name: token, definition: "uuid default gen_random_uuid() not null unique" }""", 'exact',
     {'parts': ['add', 'default', 'fill', 'check', 'validate', 'set', 'drop'], 'allow': ['PG103'], 'guards': False}),
    ('add_column and backfill', """
      - add_column: { table: items, name: extra, definition: "jsonb not null default '{}'" }
      - backfill: { table: items, set: "extra = jsonb_build_object('a', 1)", where: "extra = '{}'" }
      - create_index: { name: items_extra_idx, table: items, using: gin, columns: [extra] }""", 'exact', {}),
    ('drop_column', "      - drop_column: { table: items, name: note }", 'lossy', {'allow': ['PG201']}),
    ('rename_column', "      - rename_column: { table: items, from: note, to: remark }", 'exact', {'allow': ['PG204']}),
    ('change_type that relabels', '      - change_type: { table: items, column: sku, type: "varchar(80)" }', 'exact', {}, 'items_view'),
    ('change_type of numeric', '      - change_type: { table: items, column: price, type: "numeric(12,2)" }', 'lossy', {}),
    ('change_type that rewrites', '      - change_type: { table: items, column: quantity, type: bigint, online: false }', 'exact', {'allow': ['PG106']}),
    ('change_type online', '      - change_type: { table: stock, column: amount, type: bigint }', 'exact',
     {'parts': ['add', 'sync', 'fill', 'check_not_null', 'validate_not_null', 'check_stock_amount_sane', 'validate_stock_amount_sane',
                'index_stock_amount_idx', 'swap', 'drop'], 'moves': True}),
    ('change_type online of a key', '      - change_type: { table: stock, column: id, type: bigint, batch: 10 }', 'exact', {'moves': True}),
    ('change_type online that keeps the old column', '      - change_type: { table: stock, column: amount, type: bigint, keep_old_column: true }', 'exact', {}),
    ('change_type online of a unique column and a foreign key', """
      - change_type: { table: stock, column: code, type: "varchar(30)", using: "upper(code)", keep_old_column: true }
      - change_type: { table: stock, column: parent_id, type: bigint, keep_old_column: true }""", 'exact', {}),
    ('set_default', "      - set_default: { table: items, column: note, default: \"'none'\" }", 'exact', {}),
    ('drop_default', '      - drop_default: { table: items, column: quantity }', 'exact', {}),
    ('set_not_null', '      - set_not_null: { table: items, column: price }', 'exact', {'parts': ['check', 'validate', 'set', 'drop']}),
    ('set_not_null, plain', '      - set_not_null: { table: items, column: price, online: false }', 'exact', {'parts': ['set'], 'allow': ['PG107']}),
    ('drop_not_null', '      - drop_not_null: { table: items, column: sku }', 'exact', {}),
    ('add_primary_key', '      - add_primary_key: { table: plain, columns: [a] }', 'exact',
     {'parts': ['check_a', 'validate_a', 'set_a', 'drop_a', 'index', 'add']}),
    ('add_primary_key, plain', '      - add_primary_key: { table: plain, columns: [a, b], online: false }', 'exact', {'allow': ['PG105']}),
    ('add_unique', '      - add_unique: { table: items, name: items_sku_key, columns: [sku, quantity] }', 'exact', {'parts': ['index', 'add']}),
    ('add_foreign_key', """
      - add_foreign_key: { table: items, name: items_parent_fk, columns: [parent_id], references: parent, on_delete: set_null }
      - create_index: { name: items_parent_idx, table: items, columns: [parent_id] }""", 'exact', {'parts': ['add', 'validate', 'create']}),
    ('add_check', '      - add_check: { table: items, name: items_price_sane, expression: "price > 0 or price is null" }', 'exact', {'parts': ['add', 'validate']}),
    ('validate_constraint', '      - validate_constraint: { table: plain, name: plain_a_positive }', 'exact', {}),
    ('sql with its way down', """
      - name: labels
        sql:
          up: create table labels (id integer primary key, word text); create index labels_word_idx on labels (word)
          down: drop table labels""", 'exact', {}),
    ('rename_constraint', '      - rename_constraint: { table: items, from: items_quantity_check, to: items_quantity_sane }', 'exact', {}),
    ('drop_constraint', '      - drop_constraint: { table: items, name: items_quantity_check }', 'exact', {}),
    ('drop_constraint of a key', '      - drop_constraint: { table: parent, name: parent_code_key }', 'exact', {}),
    ('add_exclude', """
      - add_exclude:
          table: bookings
          name: bookings_no_overlap
          elements: ["room with =", "during with &&"]
          where: "room is not null" """, 'exact', {'allow': ['PG120']}),
    ('attach_partition', """
      - attach_partition: { table: log, partition: log_2024, values: "from ('2024-01-01') to ('2025-01-01')" }""", 'exact',
     {'parts': ['index_log_2024_pkey', 'key_log_2024_pkey', 'index_log_2024_body_idx', 'check', 'validate', 'attach', 'drop'], 'proved': 'log_2024'}),
    ('attach_partition beside a default partition', """
      - attach_partition: { table: sorts, partition: sorts_a, values: "in ('a', 'z')" }""", 'exact',
     {'parts': ['check', 'validate', 'check_default', 'validate_default', 'attach', 'drop', 'drop_default'], 'proved': 'sorts_a sorts_rest'}),
    ('attach_partition of a hash', """
      - attach_partition: { table: hashed, partition: hashed_0, values: "with (modulus 4, remainder 0)" }""", 'exact', {'proved': 'hashed_0'}),
    ('attach_partition with two keys', """
      - attach_partition: { table: pairs, partition: pairs_1, values: "from (1, minvalue) to (10, 5)" }""", 'exact', {'proved': 'pairs_1'}),
    ('attach_partition, plain', """
      - attach_partition: { table: log, partition: log_2024, values: "from ('2024-01-01') to ('2025-01-01')", online: false }""", 'exact',
     {'parts': ['attach'], 'allow': ['PG118']}),
    ('detach_partition', "      - detach_partition: { table: log, partition: log_2023 }", 'exact', {'parts': ['detach']}),
    ('detach_partition, plain', "      - detach_partition: { table: log, partition: log_2023, online: false }", 'exact',
     {'parts': ['detach'], 'allow': ['PG117']}),
    ('detach_partition of a default partition', "      - detach_partition: { table: sorts, partition: sorts_rest }", 'exact', {}),
    ('create_domain', """
      - create_domain: { name: short, type: varchar(10), default: "''", not_null: true, checks: { short_trimmed: "value = btrim(value)" } }""", 'exact', {}),
    ('drop_domain', "      - drop_domain: percent", 'exact', {}),
    ('create_materialized_view', """
      - create_materialized_view:
          name: dear
          query: "select id, price from items where price > 10"
          with_data: false
          indexes: { dear_key: { columns: [id], unique: true }, dear_price_idx: { columns: [price desc] } }
          comment: "what is dear" """, 'exact', {'parts': ['create']}),
    ('refresh_materialized_view', "      - refresh_materialized_view: totals", 'exact', {'parts': ['refresh'], 'allow': []}),
    ('drop_materialized_view', "      - drop_materialized_view: totals", 'exact', {}),
    ('create_policy', """
      - create_policy: { table: items, name: items_mine, command: select, to: [invplan_reader, public], using: "quantity > 0" }
      - create_policy: { table: items, name: items_kept, restrictive: true, using: "true", check: "quantity >= 0" }
      - enable_row_security: { table: items, force: true }""", 'exact', {}),
    ('drop_policy', "      - drop_policy: { table: parent, name: parent_all }", 'exact', {}),
    ('enable_row_security', "      - enable_row_security: parent", 'exact', {}),
    ('disable_row_security', """
      - enable_row_security: { table: parent, force: true }
      - disable_row_security: parent""", 'exact', {}),
    ('drop_trigger', "      - drop_trigger: { table: items, name: items_stamp }", 'exact', {}),
    ('drop_function', "      - drop_function: touch", 'exact', {}),
    ('drop_function with its arguments', '      - drop_function: { name: refill, arguments: [integer, text] }', 'exact', {}),
    ('drop_sequence', "      - drop_sequence: numbers", 'lossy', {}),
    ('drop_schema', "      - drop_schema: attic", 'exact', {}),
    ('drop_extension', "      - drop_extension: btree_gist", 'exact', {}),
    ('create_index', '      - create_index: { name: items_multi_idx, table: items, columns: [sku, "quantity desc"], where: "quantity > 1", include: [note] }', 'exact', {}),
    ('create_index on an expression', '      - create_index: { name: items_lower_idx, table: items, unique: true, columns: ["lower(sku)", "(quantity + 1)"] }', 'exact', {}),
    ('create_index, plain', '      - create_index: { name: items_p_idx, table: items, columns: [price], online: false }', 'exact', {'allow': ['PG101']}),
    ('drop_index', '      - drop_index: items_note_idx', 'exact', {}),
    ('rename_index', '      - rename_index: { from: items_note_idx, to: items_remark_idx }', 'exact', {}),
    ('create_type', '      - create_type: { name: color, values: [red, "it\'s green"] }', 'exact', {}),
    ('add_enum_value', '      - add_enum_value: { type: mood, value: fine, after: sad }', 'impossible', {}),
    ('drop_type', """
      - drop_column: { table: items, name: feeling }
      - drop_type: mood""", 'lossy', {'allow': ['PG201']}),
    ('create_schema', '      - create_schema: "App Schema"', 'exact', {}),
    ('create_extension', '      - create_extension: citext', 'exact', {}),
    ('create_extension with its types', """
      - create_extension: { name: citext, schema: public }
      - add_column: { table: items, name: mail, definition: citext }""", 'exact', {}),
    ('create_sequence', '      - create_sequence: { name: counter, options: "as bigint start with 1000 owned by items.id" }', 'exact', {}),
    ('create_view', '      - create_view: { name: cheap, query: "select id, price from items where price < 10" }', 'exact', {}),
    ('create_view that replaces', '      - create_view: { name: items_view, query: "select id, sku || \'?\' as label, price from items", replace: true }', 'exact', {}),
    ('drop_view', '      - drop_view: items_view', 'exact', {}),
    ('create_function', """
      - create_function:
          name: twice
          definition: "create function twice(a integer, b text default 'x') returns integer language sql immutable as $$ select a * 2 $$" """, 'exact', {}),
    ('create_function that replaces', """
      - create_function:
          name: touch
          definition: "create or replace function touch() returns trigger language plpgsql as 'begin new.note := null; return new; end'" """, 'exact', {}),
    ('create_trigger', """
      - create_trigger:
          name: items_touch
          table: items
          definition: "create trigger items_touch before update of note on items for each row execute function touch()" """, 'exact', {}),
    ('comment on a table', '      - comment: { on: table items, text: "new" }', 'exact', {}),
    ('comment on a column', '      - comment: { on: column items.sku, text: "" }', 'exact', {}),
    ('comment on a type', '      - comment: { on: type mood, text: "how one feels" }', 'exact', {}),
    ('grant and revoke', """
      - grant: { privileges: [select, "update (note)"], on: table items, to: [invplan_reader] }
      - revoke: { privileges: [select], on: table items, from: [invplan_reader] }""", 'exact', {}),
    ('assert', '      - assert: { query: "select count(*) > 0 from items", message: "no items" }', 'exact', {}),
    ('sql with several statements', """
      - name: several
        sql:
          up: |
            create table notes (id integer primary key, body text); -- a comment; with a semicolon
            create index notes_body_idx on notes (body);
            create index concurrently items_made_idx on items (made);
            alter table notes add column x integer default 5, add constraint notes_x_sane check (x > 0);""", 'exact',
     {'parts': ['create_table_notes', 'create_index_items_made_idx', 'alter_notes']}),
    ('sql with a written down', """
      - name: written
        sql: { up: "update items set note = 'all' where note is null", down: "update items set note = null where note = 'all'" }""", 'exact', {'allow': ['PG109']}),
    ('sql that fixes a partition', """
      - name: partitions
        sql:
          up: |
            create table diary (id integer, day date not null) partition by range (day);
            create table diary_2024 partition of diary for values from ('2024-01-01') to ('2025-01-01');
            create table diary_rest partition of diary default;
            create index diary_id_idx on diary (id);""", 'exact', {'allow': ['PG304']}),
    ('sql with policies and statistics', """
      - name: policies
        sql:
          up: |
            alter table items enable row level security;
            create policy items_all on items using (quantity > 0);
            create statistics items_stats on sku, quantity from items;""", 'exact', {}),
    ('sql that refreshes', """
      - name: materialized
        sql:
          up: |
            create materialized view sums as select parent_id, sum(quantity) as total from items group by parent_id;
            create unique index sums_key on sums (parent_id);
            comment on materialized view sums is 'sums';""", 'exact', {}),
    ('sql with a domain', """
      - name: domains
        sql:
          up: |
            create domain positive as integer check (value > 0);
            create type pair as (a integer, b text);
            create table uses (id positive primary key, p pair);""", 'exact', {}),
]

# (name, step, part, SQL that somebody else ran before, what the probe says)
PROBES = [
    ('a table of the same shape', 'create_table: { name: n, columns: { id: integer, m: "mood not null" }, primary_key: [id] }', 'create',
     'create table n (m mood not null, id integer primary key)', 'done|'),
    ('a table of another shape', 'create_table: { name: n, columns: { id: integer, b: text }, primary_key: [id] }', 'create',
     'create table n (id bigint primary key, c text)', 'other|it lacks b text, it has c text, it has id bigint not null, it lacks id integer not null'),
    ('a view of that name', 'create_table: { name: n, columns: { id: integer }, primary_key: [id] }', 'create',
     'create view n as select 1 as id', 'other|it is no such table'),
    ('a column of the same shape', 'add_column: { table: items, name: x, definition: "varchar(5) not null default 1" }', 'add',
     'alter table items add x varchar(5) not null default 2', 'done|'),
    ('a column of another shape', 'add_column: { table: items, name: x, definition: integer }', 'add',
     'alter table items add x varchar(5)', 'other|the column is x character varying(5)'),
    ('an invalid index', 'create_index: { name: i, table: items, columns: [quantity] }', 'create',
     "create index i on items (quantity); update pg_index set indisvalid = false where indexrelid = 'i'::regclass", 'half done|the index is invalid'),
    ('an index of another table', 'create_index: { name: i, table: items, columns: [quantity] }', 'create',
     'create index i on plain (a)', 'other|it is an index of plain'),
    ('an index on other columns', 'create_index: { name: i, table: items, columns: [quantity, sku] }', 'create',
     'create index i on items (sku, quantity)', 'other|it is on other columns'),
    ('an index that is unique', 'create_index: { name: i, table: items, columns: [id] }', 'create',
     'create unique index i on items (id)', 'other|it is unique'),
    ('an index of another method', 'create_index: { name: i, table: items, columns: [quantity] }', 'create',
     'create index i on items using brin (quantity)', 'other|it uses another method'),
    ('an index with a condition', 'create_index: { name: i, table: items, columns: [quantity] }', 'create',
     'create index i on items (quantity) where quantity > 1', 'other|it has a WHERE'),
    ('a table under the name of an index', 'create_index: { name: i, table: items, columns: [quantity] }', 'create',
     'create table i (id integer)', 'other|it is no index'),
    ('an index on an expression', 'create_index: { name: i, table: items, columns: ["(quantity + 1)", sku], where: "quantity > 2" }', 'create',
     'create index i on items ((quantity + 2), sku) where quantity > 3', 'done|'),
    ('a constraint that is validated', 'add_check: { table: items, name: k, expression: "price > 0" }', 'add',
     'alter table items add constraint k check (price >= 0)', 'other|it is validated'),
    ('a constraint of another kind', 'add_unique: { table: items, name: k, columns: [sku], online: false }', 'add',
     'alter table items add constraint k check (price >= 0)', 'other|it is another kind of constraint'),
    ('an enum with other values', 'create_type: { name: e, values: [a, b] }', 'create', "create type e as enum ('b', 'a')", 'other|its values are b, a'),
    ('an enum with the same values', 'create_type: { name: e, values: [a, b] }', 'create', "create type e as enum ('a', 'b')", 'done|'),
    ('a partition of another table', 'attach_partition: { table: log, partition: log_2024, values: "from (\'2024-01-01\') to (\'2025-01-01\')", online: false }',
     'attach', "create table other (id integer not null, day date not null, body text) partition by range (day);"
     "alter table other attach partition log_2024 for values from ('2024-01-01') to ('2025-01-01')", 'other|it is a partition of other'),
    ('a partition that is one already', 'attach_partition: { table: log, partition: log_2024, values: "from (\'2024-01-01\') to (\'2025-01-01\')", online: false }',
     'attach', "alter table log attach partition log_2024 for values from ('2024-01-01') to ('2025-01-01')", 'done|'),
    ('a partition that is detached halfway', 'detach_partition: { table: log, partition: log_2023 }', 'detach',
     "update pg_inherits set inhdetachpending = true where inhrelid = 'log_2023'::regclass", 'half done|it is detached halfway'),
    ('a partition that is detached', 'detach_partition: { table: log, partition: log_2023 }', 'detach', 'alter table log detach partition log_2023', 'done|'),
    ('a partition that is gone', 'detach_partition: { table: log, partition: log_2023 }', 'detach', 'drop table log_2023', 'other|it is not there'),
    ('a policy', 'create_policy: { table: items, name: p, using: "true" }', 'create', 'create policy p on items', 'done|'),
    ('row security without force', 'enable_row_security: { table: parent, force: true }', 'set', 'alter table parent enable row level security',
     'other|only a part of it is there'),
    ('a sequence', 'create_sequence: s', 'create', 'create table s (id integer)', 'other|it is another kind of relation'),
    ('half of what a part makes', 'create_table: { name: n, columns: { id: integer }, primary_key: [id], indexes: { n_i: { columns: [id] } } }', 'create',
     'create table n (id integer primary key)', 'other|only a part of it is there'),
]

# (name, step, more: a query and what it gives once all is applied)
EXECUTOR_CASES = [
    ('create_index on a partitioned table', '      - create_index: { name: log_day_idx, table: log, columns: [day, "lower(body)"], where: "id > 1" }',
     {'query': ["select count(*) from pg_partition_tree('log_day_idx') t join pg_index i on i.indexrelid = t.relid where i.indisvalid", '3']}),
    ('create_index, unique, on a partitioned table', '      - create_index: { name: log_key, table: log, unique: true, columns: [day, id], include: [body] }', {}),
    ('drop_index of a partitioned table', '      - drop_index: log_body_idx', {}),
    ('change_type online', '      - change_type: { table: stock, column: code, type: "varchar(30)", keep_old_column: true, batch: 7 }', {}),
    ('detach_partition', '      - detach_partition: { table: log, partition: log_2023 }', {}),
]

# (name, step, what others run between the parts, a query, what it gives when all is applied and when all is undone)
MEANWHILE = [
    ('change_type with comments', '      - change_type: { table: stock, column: amount, type: bigint }', 'select 1',
     "select obj_description('stock_amount_idx'::regclass), obj_description(oid) from pg_constraint where conname = 'stock_amount_sane'",
     ['by amount|sane', 'by amount|sane']),
    ('change_type', '      - change_type: { table: stock, column: amount, type: bigint }',
     "insert into stock (id, amount) values (nextval('stock_id_seq'), 7); update stock set amount = amount + 1 where id <= 3",
     # 40 rows with a sum of 820; each time adds one of 7, and 3 by the update
     'select pg_typeof(amount), sum(amount) - 820 - 10 * (count(*) - 40), count(*) > 45 from stock group by 1',
     ['bigint|0|t', 'integer|0|t']),
]

failed = number = 0
work = tempfile.mkdtemp(prefix='invplan-steps.')


def psql(database, sql, stop=True):
    command = ['psql', '-qXAt', '-v', 'ON_ERROR_STOP=1', SERVER.rsplit('/', 1)[0] + '/' + database]
    done = subprocess.run(command, input=sql, capture_output=True, text=True)
    if done.returncode and stop:
        raise RuntimeError(done.stderr.strip() + '\n' + sql)
    return done.stdout.strip()


def dump(database):
    text = subprocess.run(['pg_dump', '--no-owner', '--exclude-schema=invplan', SERVER.rsplit('/', 1)[0] + '/' + database], capture_output=True, text=True, check=True).stdout
    text = re.sub(r'^\\(un)?restrict .*\n', '', text, flags=re.M)
    # rows have no order
    return re.sub(r'(^COPY .*\n)((?:.*\n)*?)(^\\\.$)', lambda m: m[1] + ''.join(sorted(m[2].splitlines(True))) + m[3], text, flags=re.M)


def without_positions(text):
    """A dump with the columns of each table in order of their names: what was dropped and made again is the last."""
    def table(match):
        return match[1] + '\n'.join(sorted(line.rstrip(',') for line in match[2].split('\n'))) + match[3]

    def rows(match):
        names = match[2].split(', ')
        order = sorted(range(len(names)), key=lambda i: names[i])
        lines = ['\t'.join(line.split('\t')[i] for i in order) for line in match[4].splitlines()]
        return match[1] + ', '.join(sorted(names)) + match[3] + ''.join(line + '\n' for line in sorted(lines))

    text = re.sub(r'^(CREATE TABLE .*? \(\n)(.*?)(\n\))', table, text, flags=re.M | re.S)
    return re.sub(r'^(COPY \S+ \()(.*?)(\) FROM stdin;\n)((?:.*\n)*?)(?=\\\.$)', rows, text, flags=re.M)


def compile_case(step, allow):
    folder = os.path.join(work, 'project')
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(os.path.join(folder, 'plans'))
    setup = '\n'.join('            ' + line for line in SETUP.splitlines())
    rules = '    allow: [%s]\n' % ', '.join('{ rule: %s, reason: test }' % rule for rule in allow) if allow else ''
    with open(os.path.join(folder, 'migrations.yaml'), 'w') as out:
        out.write(PROJECT % (setup, rules, step.strip('\n')))
    done = subprocess.run([COMPILER, 'compile', '--env', 'test'], cwd=folder, capture_output=True, text=True)
    if done.returncode or 'warning' in done.stderr + done.stdout:
        raise RuntimeError(done.stdout + done.stderr)
    with open(os.path.join(folder, 'plans', 'test.plan')) as plan:
        lines = [json.loads(line) for line in plan]
    return [line for line in lines if 'step' in line]


def statements(action):
    forward = action['forward']
    if action['instruction'] in ('pg.exec', 'pg.exec_alone'):
        return forward['sql'] if isinstance(forward['sql'], list) else [forward['sql']]
    if action['instruction'] == 'pg.backfill':
        where = ' WHERE ' + forward['where'] if forward['where'] else ''
        return ['UPDATE %s SET %s%s' % (forward['relation'], forward['set'], where)]
    return ["DO $do$ BEGIN IF (%s) IS NOT TRUE THEN RAISE 'assertion'; END IF; END $do$" % forward['sql']]


def run(database, action):
    sql = ';\n'.join(statements(action)) + ';'
    return psql(database, sql if action['instruction'] == 'pg.exec_alone' else 'BEGIN;\n' + sql + '\nCOMMIT;')


def probe(database, action, wanted, what):
    if not action.get('probe'):
        return
    answer = psql(database, action['probe']['sql'])
    again = psql(database, "SET search_path = '';" + action['probe']['sql'])
    if answer.split('|')[0] != wanted or again != answer:
        raise RuntimeError('%s: the probe says %r (and without a search_path %r), not %r' % (what, answer, again, wanted))


def check_proved(database, action, tables):
    """The server finds the checks sufficient, and does not scan these tables."""
    command = ['psql', '-qXAt', '-v', 'ON_ERROR_STOP=1', SERVER.rsplit('/', 1)[0] + '/' + database]
    done = subprocess.run(command, input='SET client_min_messages = debug1;' + ';'.join(statements(action)), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    for table in tables:
        if not re.search('partition constraint for (default partition|table) "%s" is implied by existing' % table, done.stderr):
            raise RuntimeError('%s is scanned: %s' % (table, done.stderr))
    if 'building index' in done.stderr:
        raise RuntimeError('ATTACH builds an index: %s' % done.stderr)


def invplan(database, *arguments):
    done = subprocess.run([os.path.join(BUILD, 'invplan')] + list(arguments) + ['-e', 'test'], cwd=os.path.join(work, 'project'),
                          env=dict(os.environ, DATABASE_URL=SERVER.rsplit('/', 1)[0] + '/' + database), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)


def check_executor(database, step, more):
    """Applied and rolled back by the executor."""
    parts = compile_case(step, more.get('allow', []))
    test = [part for part in parts if part['migration'] == 'test']
    invplan(database, 'apply', '--init', '--to', 'setup')
    psql(database, ROWS)
    before = dump(database)
    invplan(database, 'apply')
    probe(database, test[-1]['action'], 'done', test[-1]['step'])
    if 'query' in more and psql(database, more['query'][0]) != more['query'][1]:
        raise RuntimeError('%s: %s' % (more['query'][0], psql(database, more['query'][0])))
    invplan(database, 'rollback', '--to', 'setup')
    compare(before, dump(database))


def compare(before, after):
    if before == after:
        return
    for name, text in (('before', before), ('after', after)):
        with open(os.path.join(work, name), 'w') as out:
            out.write(text)
    raise RuntimeError(subprocess.run(['diff', 'before', 'after'], cwd=work, capture_output=True, text=True).stdout)


def check_meanwhile(database, step, sql, query, wanted):
    """Others write while it is applied, and while it is undone."""
    parts = compile_case(step, [])
    test = [part for part in parts if part['migration'] == 'test']
    psql(database, '\n'.join(';\n'.join(statements(part['action'])) + ';' for part in parts if part['migration'] == 'setup') + ROWS)
    before = re.sub(r'^COPY .*?^\\\.$', '', dump(database), flags=re.M | re.S)
    for part in test:
        run(database, part['action'])
        psql(database, sql)
    if psql(database, query) != wanted[0]:
        raise RuntimeError('applied: ' + psql(database, query))
    for part in reversed(test):
        if not part['inverse']['action'].get('none'):
            if part['inverse'].get('guard') and psql(database, part['inverse']['guard']['sql']) != 't':
                raise RuntimeError('%s: the guard does not hold' % part['step'])
            run(database, part['inverse']['action'])
            psql(database, sql)
    if psql(database, query) != wanted[1]:
        raise RuntimeError('undone: ' + psql(database, query))
    ignore = r"^SELECT pg_catalog.setval.*$"
    after = re.sub(r'^COPY .*?^\\\.$', '', dump(database), flags=re.M | re.S)
    compare(without_positions(re.sub(ignore, '', before, flags=re.M)), without_positions(re.sub(ignore, '', after, flags=re.M)))


def check(database, step, grade, more, drop_before=None):
    if drop_before:
        step = '      - drop_view: %s\n%s' % (drop_before, step.strip('\n'))
    parts = compile_case(step, more.get('allow', []))
    test = [part for part in parts if part['migration'] == 'test']
    psql(database, '\n'.join(';\n'.join(statements(part['action'])) + ';' for part in parts if part['migration'] == 'setup') + ROWS)
    before = dump(database)
    if 'parts' in more and [part['step'].rsplit('/', 1)[1] for part in test] != more['parts']:
        raise RuntimeError('parts are %s' % [part['step'] for part in test])
    for part in test:
        probe(database, part['action'], 'not done', part['step'])
        if 'proved' in more and part['step'].endswith('/attach'):
            check_proved(database, part['action'], more['proved'].split())
        else:
            run(database, part['action'])
        probe(database, part['action'], 'done', part['step'])
    grades = [part['inverse']['grade'] for part in test]
    worst = max(grades, key=['exact', 'lossy', 'impossible'].index)
    if worst != grade:
        raise RuntimeError('the grade is %s: %s' % (worst, [part['inverse'].get('why') for part in test]))
    if worst == 'impossible':
        return
    for part in reversed(test):
        action, guard = part['inverse']['action'], part['inverse'].get('guard')
        if guard and more.get('guards', True) and psql(database, guard['sql']) != 't':
            raise RuntimeError('%s: the guard does not hold: %s' % (part['step'], guard['sql']))
        if not action.get('none'):
            run(database, action) # an index that went with its constraint is gone already: IF EXISTS
            probe(database, action, 'done', 'undo of ' + part['step'])
    after = dump(database)
    if more.get('moves'):
        before, after = without_positions(before), without_positions(after)
    if worst == 'exact':
        compare(before, after)


def check_probe(database, step, part_name, other, wanted):
    parts = compile_case('      - name: x\n        ' + step, ['PG105', 'PG304', 'PG080', 'PG118'])
    psql(database, '\n'.join(';\n'.join(statements(part['action'])) + ';' for part in parts if part['migration'] == 'setup') + other)
    part = [part for part in parts if part['step'] == 'test/x/' + part_name][0]
    for path in ('public', "''"):
        answer = psql(database, 'SET search_path = %s; %s' % (path, part['action']['probe']['sql']))
        if answer != (wanted if path == 'public' else re.sub(' of (plain|other)', r' of public.\1', wanted)):
            raise RuntimeError('the probe says %r, not %r' % (answer, wanted))


def check_kinds(_database):
    """Every kind of step that the language has for PostgreSQL stands in a case."""
    with open(os.path.join(ROOT, 'compiler', 'step.def'), encoding='utf-8') as file:
        kinds = re.findall(r'^STEP_ROW\(\w+, "(\w+)", (?:POSTGRES|ANY),', file.read(), re.M)
    with open(os.path.abspath(__file__), encoding='utf-8') as file:
        text = file.read()
    missing = [kind for kind in kinds if kind not in ('gate', 'barrier') and not re.search(r'^ .*\b%s:' % kind, text, re.M)]
    if missing or not kinds:
        raise RuntimeError('no case for ' + ', '.join(missing))


def main():
    global failed, number
    if not SERVER:
        print('1..0 # SKIP TEST_DATABASE_URL is not set')
        return
    psql('postgres', "DO $$ BEGIN CREATE ROLE invplan_reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    only = sys.argv[1:]
    tests = [(name, check, rest) for name, *rest in CASES]
    tests += [(name + ', by the executor', check_executor, rest) for name, *rest in EXECUTOR_CASES]
    tests += [(name + ' while others write', check_meanwhile, rest) for name, *rest in MEANWHILE]
    tests += [('the probe meets ' + name, check_probe, rest) for name, *rest in PROBES]
    tests += [('every kind of step has a case', check_kinds, [])]
    for name, function, rest in tests:
        if only and not any(word in name for word in only):
            continue
        number += 1
        database = 'steps_%d_%d' % (os.getpid(), number)
        psql('postgres', 'create database ' + database)
        try:
            function(database, *rest)
            print('ok %d - %s' % (number, name))
        except RuntimeError as error:
            failed += 1
            print('not ok %d - %s' % (number, name))
            print('\n'.join('#   ' + line for line in str(error).splitlines()))
        sys.stdout.flush()
        psql('postgres', 'drop database %s with (force)' % database)
    print('1..%d' % number)
    shutil.rmtree(work)
    sys.exit(failed != 0)


main()
