#!/usr/bin/env python3
"""Writes COUNT migrations of one statement each, the same in the form of every tool, below a folder.

    generate.py COUNT DIR

invplan.yaml; transactions.sql for psql; dbmate/ and node/ with a file for each migration. A table is made, given a column, a
check and a comment in turn, so that later statements meet objects that are there.
"""
import os
import sys

FORMS = (
    ('CREATE TABLE t%d (id integer PRIMARY KEY, name text NOT NULL, at timestamptz NOT NULL DEFAULT now())',
     '{ create_table: { name: t%d, columns: { id: "integer not null", name: "text not null", at: "timestamptz not null default now()" }, primary_key: [id] } }'),
    ('ALTER TABLE t%d ADD COLUMN quantity integer', '{ add_column: { table: t%d, name: quantity, definition: integer } }'),
    ("COMMENT ON COLUMN t%d.quantity IS 'pieces'", '{ comment: { on: column t%d.quantity, text: pieces } }'),
    ('ALTER TABLE t%d ALTER COLUMN quantity SET DEFAULT 0', '{ set_default: { table: t%d, column: quantity, default: "0" } }'),
)


def main():
    count, folder = int(sys.argv[1]), sys.argv[2]
    for name in ('dbmate', 'node'):
        os.makedirs(os.path.join(folder, name))
    with open(os.path.join(folder, 'invplan.yaml'), 'w', encoding='ascii') as ours, \
            open(os.path.join(folder, 'transactions.sql'), 'w', encoding='ascii') as psql:
        ours.write('invplan: 1\nproject: bench\ntargets: { db: { engine: postgres, version: 15 } }\n'
                   'environments: { bench: { targets: { db: { url: "${env:DATABASE_URL}" } } } }\nmigrations:\n')
        for i in range(count):
            sql, step = (form % (i // len(FORMS)) for form in FORMS[i % len(FORMS)])
            number = 1700000000000 + i
            ours.write('  - { id: "%d-M%d", target: db, steps: [ %s ] }\n' % (number, i, step))
            psql.write('BEGIN;\n%s;\nCOMMIT;\n' % sql)
            with open(os.path.join(folder, 'dbmate', '%d_m%d.sql' % (number, i)), 'w', encoding='ascii') as file:
                file.write('-- migrate:up\n%s;\n-- migrate:down\n' % sql)
            with open(os.path.join(folder, 'node', '%d_m%d.sql' % (number, i)), 'w', encoding='ascii') as file:
                file.write('-- Up Migration\n%s;\n-- Down Migration\n' % sql)


main()
