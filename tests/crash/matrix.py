#!/usr/bin/env python3
"""SIGKILL of the executor at its protocol points, on real servers.

    matrix.py [--sample N] [--only REGEX] [--markdown FILE] [--workers N]

Runs below tests/services/with. Each project of projects/ is applied and rolled back once undisturbed; INVPLAN_TRACE_POINTS
says which protocol points that passes, in which step. Every point then makes cases: the executor kills itself there
(INVPLAN_KILL_AT=POINT#N), once or twice in a row (the second time at a point that the resumed process was seen to pass),
and the command is given again from another folder. Three kinds:

    forward   apply is killed; in the end everything is as after an undisturbed apply
    undo      rollback is killed; in the end everything is as before the apply
    given up  apply is killed, and rolled back instead of resumed: everything is as before

"Everything": pg_dump with all rows, invalid indexes, TypeORM's table, tables and settings and tags and items on DynamoDB,
the ledger's projections, the state of each step in the ledgers, each effect once, the chain of the ledgers verified, no
lease held, nothing left over from a backfill or an upgrade.

The first worker meets an AWS whose new tables and indexes answer CREATING once, the others one where they do so three times.
"""
import argparse
import collections
import datetime
import hashlib
import hmac
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get('INVPLAN_BUILD', os.path.join(ROOT, 'build'))
INVPLAN = os.path.join(BUILD, 'invplan')
POSTGRES = os.environ.get('TEST_DATABASE_URL', '')
SESSION = '(first contact, leases, reading, end of run)'
LEDGER_TABLES = ('ledger', 'ledger_journal', 'ledger_undo')
# Where these projects differ from the rest: nothing takes an enum's value back.
FORWARD_ONLY = {'pg-enum'}
# Points outside of steps are the same in every project: these three stand for all.
SESSIONS_IN = {'pg-groups', 'ddb-items', 'across'}
SLOW_STATES = 3
# moto lets a stream be switched on once in a table's life and remembers old capacities: each life begins on new tables.
ONE_LIFE = {'ddb-once'}
LIVES_MAX = 6  # of the same tables: ledgers grow, and moto copies them all for each transaction
# Where an apply is given up instead of resumed: wherever a step is half done, or done and not yet or just written down.
GIVEN_UP_AT = {'pg.group.after_commit', 'pg.alone.started', 'pg.alone.effect', 'pg.alone.applied', 'pg.backfill.started',
               'pg.backfill.before_commit', 'pg.backfill.batch', 'pg.backfill.effect', 'pg.backfill.applied',
               'ddb.apply.started', 'ddb.call.after_request', 'ddb.apply.effect_done', 'ddb.register.before_put',
               'ddb.upgrade.before_event', 'ddb.upgrade.after_event', 'ddb.pump.before_checkpoint'}
TIMEOUT_S = 60  # of one command: none takes a tenth of it


class Failure(Exception):
    pass


def run(command, cwd, env=None):
    full = dict(os.environ)
    full.update(env or {})
    try:
        return subprocess.run(command, cwd=cwd, env=full, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise Failure('%s: no end after %d s\n%s' % (command[1], TIMEOUT_S, error.output or '')) from error


# --- PostgreSQL -------------------------------------------------------------------------------------------------------

def url_of(database):
    return POSTGRES.rsplit('/', 1)[0] + '/' + database


def psql(database, *statements):
    command = ['psql', '-qXAt', '-v', 'ON_ERROR_STOP=1', url_of(database)]
    for statement in statements:
        command += ['-c', statement]
    done = run(command, '/')
    if done.returncode:
        raise Failure(done.stdout)
    return done.stdout


def postgres_state(database):
    done = run(['pg_dump', '--no-owner', '--exclude-schema=invplan', '--exclude-table-data=migrations*', url_of(database)], '/')
    if done.returncode:
        raise Failure(done.stdout)
    text = re.sub(r'^\\(un)?restrict .*\n', '', done.stdout, flags=re.M)
    # Rows have no order.
    text = re.sub(r'(^COPY .*\n)((?:.*\n)*?)(^\\\.$)', lambda m: m[1] + ''.join(sorted(m[2].splitlines(True))) + m[3], text,
                  flags=re.M)
    return text + psql(
        database,
        "select 'invalid index', indexrelid::regclass from pg_index where not indisvalid order by 2",
        "select 'not validated', conname from pg_constraint where not convalidated order by 2",
        "select 'locked', count(*) from pg_locks where locktype = 'advisory'",
        "select 'kept for undo', step, count(*) from invplan.undo group by step order by step",
        "select case when to_regclass('migrations') is null then '' else query_to_xml("
        "'select \"timestamp\", name from migrations order by 1, 2', false, false, '')::text end")


def postgres_events(database):
    out = collections.defaultdict(list)
    for line in psql(database, "select step, event from invplan.ledger where step is not null order by seq").splitlines():
        step, event = line.split('|')
        out[step].append(event)
    return out


# --- DynamoDB ---------------------------------------------------------------------------------------------------------

class Aws:
    def __init__(self, env):
        self.key, self.secret = env['AWS_ACCESS_KEY_ID'], env['AWS_SECRET_ACCESS_KEY']
        self.host = urllib.parse.urlparse(env['AWS_ENDPOINT_URL']).netloc

    def __call__(self, action, **params):
        body = json.dumps(params)
        stamp = datetime.datetime.now(datetime.timezone.utc).strftime('%Y%m%dT%H%M%SZ')
        headers = {'content-type': 'application/x-amz-json-1.0', 'host': self.host, 'x-amz-date': stamp,
                   'x-amz-target': 'DynamoDB_20120810.' + action}
        names = ';'.join(sorted(headers))
        canonical = '\n'.join(['POST', '/', ''] + ['%s:%s' % (n, headers[n]) for n in sorted(headers)]
                              + ['', names, hashlib.sha256(body.encode()).hexdigest()])
        scope = stamp[:8] + '/us-east-1/dynamodb/aws4_request'
        key = ('AWS4' + self.secret).encode()
        for part in scope.split('/'):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        to_sign = '\n'.join(['AWS4-HMAC-SHA256', stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        headers['authorization'] = 'AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s' % (
            self.key, scope, names, hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest())
        connection = http.client.HTTPConnection(self.host, timeout=60)
        connection.request('POST', '/', body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        if answer.status != 200:
            raise Failure('%s: %s' % (action, text))
        return json.loads(text)

    def tables(self, prefix):
        return [name for name in self('ListTables')['TableNames'] if name.startswith(prefix)]

    def items(self, table):
        out, start = [], {}
        while True:
            answer = self('Scan', TableName=table, ConsistentRead=True, **start)
            out += answer['Items']
            if 'LastEvaluatedKey' not in answer:
                return sorted(out, key=lambda item: json.dumps(item, sort_keys=True))
            start = {'ExclusiveStartKey': answer['LastEvaluatedKey']}

    def clear(self, prefix):
        for table in self.tables(prefix):
            if self('DescribeTable', TableName=table)['Table'].get('DeletionProtectionEnabled'):
                self('UpdateTable', TableName=table, DeletionProtectionEnabled=False)
            self('DeleteTable', TableName=table)


DESCRIBED = ('TableStatus', 'KeySchema', 'AttributeDefinitions', 'BillingModeSummary', 'ProvisionedThroughput',
             'GlobalSecondaryIndexes', 'LocalSecondaryIndexes', 'StreamSpecification', 'DeletionProtectionEnabled')
VOLATILE = re.compile(r'Arn$|DateTime$|^(Creation|LastUpdate|LatestRestorable|EarliestRestorable|NumberOfDecreases).*')


def without_volatile(value):
    if isinstance(value, dict):
        return {k: without_volatile(v) for k, v in value.items() if not VOLATILE.search(k)}
    if isinstance(value, list):
        return sorted((without_volatile(v) for v in value), key=lambda v: json.dumps(v, sort_keys=True))
    return value


def dynamodb_state(aws, prefix):
    out = {}
    for table in aws.tables(prefix):
        name = table[len(prefix):]
        if name == 'ledger':
            out['projection'] = sorted(item['id']['S'] for item in aws.items(table))
        elif name == 'ledger_undo':
            out['kept for undo'] = len(aws.items(table))
        if name in LEDGER_TABLES:
            continue
        described = aws('DescribeTable', TableName=table)['Table']
        items = aws.items(table)
        for item in items:  # the event registry's rows say when they were published
            item.pop('registeredAt', None)
            item.pop('at', None) if 'digest' in item else None
        ttl = aws('DescribeTimeToLive', TableName=table)['TimeToLiveDescription']
        if ttl['TimeToLiveStatus'] == 'DISABLED':  # moto remembers what it was
            ttl.pop('AttributeName', None)
        if described.get('BillingModeSummary', {}).get('BillingMode') == 'PAY_PER_REQUEST':  # likewise: AWS says 0
            for one in [described] + (described.get('GlobalSecondaryIndexes') or []):
                one.pop('ProvisionedThroughput', None)
        out[name] = {
            'table': without_volatile({k: described[k] for k in DESCRIBED if k in described}),
            'ttl': ttl,
            'backups': without_volatile(aws('DescribeContinuousBackups', TableName=table)['ContinuousBackupsDescription']),
            'tags': without_volatile(aws('ListTagsOfResource', ResourceArn=described['TableArn'])['Tags']),
            'items': items,
        }
    return json.dumps(out, indent=1, sort_keys=True)


def dynamodb_events(aws, prefix):
    rows = [item for item in aws.items(prefix + 'ledger_journal') if item['pk'].get('S') == 'ledger' and 'step' in item]
    out = collections.defaultdict(list)
    for row in sorted(rows, key=lambda row: int(row['sk']['N'])):
        out[row['step']['S']].append(row['event']['S'])
    return out


# --- projects ---------------------------------------------------------------------------------------------------------

class Project:
    def __init__(self, path, workers, folder):
        self.name = os.path.splitext(os.path.basename(path))[0]
        with open(path, encoding='utf-8') as file:
            text = file.read()
        self.has_postgres, self.has_dynamodb = 'engine: postgres' in text, 'engine: dynamodb' in text
        self.gates = re.findall(r'gate: \{ name: (\w+)', text)
        self.setup = re.search(r'^  - id: (\S+)', text, re.M)[1]
        self.plans, self.instructions = [], {}
        for worker in range(workers):
            own = os.path.join(folder, '%s-w%d.yaml' % (self.name, worker))
            plan = own.replace('.yaml', '.plan')
            with open(own, 'w', encoding='utf-8') as file:  # the environment's name is also the prefix of its tables
                file.write(re.sub(r'\bw0(?=_|\b)', 'w%d' % worker, text))
            done = run([INVPLAN, 'compile', '-f', own, '--env', 'w%d' % worker, '-o', plan], folder)
            if done.returncode:
                raise Failure(done.stdout)
            self.plans.append(plan)
        with open(self.plans[0], encoding='utf-8') as file:
            for line in map(json.loads, file):
                if 'step' in line:
                    self.instructions[line['step']] = line['action']['instruction']

    def apply(self, worker, to_setup=False):
        words = ['apply', '-p', self.plans[worker], '--init', '--reason', 'crash test']
        for gate in self.gates:
            words += ['--pass', gate]
        return [INVPLAN] + words + (['--to', self.setup] if to_setup else [])

    def rollback(self, worker):
        return [INVPLAN, 'rollback', '-p', self.plans[worker], '--to', self.setup, '--yes']


def number(points):
    """Each point with its number among those of its name: [(NAME#N, step)]."""
    seen, out = collections.Counter(), []
    for name, step in points:
        seen[name] += 1
        out.append(('%s#%d' % (name, seen[name]), step))
    return out


def is_request(point):
    return point.startswith(('pg.request', 'aws.answer'))


class Case:
    def __init__(self, project, kind, point, step, second=None):
        self.project, self.kind, self.point, self.step, self.second = project, kind, point, step, second
        self.instruction = project.instructions.get(step, SESSION)
        self.problem = self.killed = None  # killed: how often

    def name(self):
        kills = self.point + (' and then ' + self.second if self.second else '')
        return '%s, %s: killed at %s (%s %s)' % (self.project.name, self.kind, kills, self.instruction, self.step)


class Worker:
    """Databases and tables of its own; runs cases one after another."""

    def __init__(self, index, folder, aws_env):
        self.index, self.folder = index, os.path.join(folder, 'w%d' % index)
        self.database = 'crash_%d_w%d' % (os.getpid(), index)
        self.prefix = 'w%d_' % index
        self.env = dict(aws_env, DATABASE_URL=url_of(self.database))
        self.aws = Aws(aws_env) if aws_env else None
        self.templates, self.runs = set(), 0
        self.project, self.at = None, None  # at: 'before', 'applied' or None, where that is not known
        self.lives = 0
        os.makedirs(self.folder)

    def command(self, words, kill_at=None):
        """Runs it from a folder of its own; gives status, output and the points that it passed."""
        self.runs += 1
        cwd = os.path.join(self.folder, 'run%d' % self.runs)
        os.makedirs(cwd)
        trace = os.path.join(cwd, 'points')
        env = dict(self.env, INVPLAN_TRACE_POINTS=trace, NO_COLOR='1')
        if kill_at:
            env['INVPLAN_KILL_AT'] = kill_at
        done = run(words, cwd, env)
        points = []
        if os.path.exists(trace):
            with open(trace, encoding='utf-8') as file:
                points = [tuple(line.rstrip('\n').split('\t')) for line in file]
        shutil.rmtree(cwd)
        return done.returncode, done.stdout, points

    def succeed(self, words):
        status, output, points = self.command(words)
        if status:
            raise Failure('%s ends with status %d:\n%s' % (' '.join(words[1:2]), status, output))
        return points

    # -- state

    def drop(self, database):
        psql('postgres', 'drop database if exists "%s" with (force)' % database)

    def empty(self, project):
        if project.has_postgres:
            self.drop(self.database)
            psql('postgres', 'create database "%s"' % self.database)
        if project.has_dynamodb:
            self.aws.clear(self.prefix)

    def prepare(self, project):
        """Everything as after the project's first migration."""
        template = '%s_%s' % (self.database, project.name)
        if project.name in self.templates:
            self.drop(self.database)
            psql('postgres', 'create database "%s" template "%s"' % (self.database, template))
            return
        self.empty(project)
        self.succeed(project.apply(self.index, to_setup=True))
        if not project.has_dynamodb:
            self.drop(template)
            psql('postgres', 'create database "%s" template "%s"' % (template, self.database))
            self.templates.add(project.name)

    def state(self, project):
        parts = []
        if project.has_postgres:
            parts.append(postgres_state(self.database))
        if project.has_dynamodb:
            parts.append(dynamodb_state(self.aws, self.prefix).replace(self.prefix, 'PREFIX_'))
        return '\n'.join(parts)

    def events(self, project):
        out = {}
        if project.has_postgres:
            out.update(postgres_events(self.database))
        if project.has_dynamodb:
            out.update(dynamodb_events(self.aws, self.prefix))
        return out

    def ledger(self, project):
        """What `status` says that must not depend on what happened on the way."""
        status, output, _ = self.command([INVPLAN, 'status', '-p', project.plans[self.index], '--format', 'json'])
        if status not in (0, 10):  # 10: something is pending
            raise Failure('status ends with %d:\n%s' % (status, output))
        return json.dumps([{'target': target['name'], 'lease held': target['lease']['held'],
                            'chain verified': target['ledger']['verified'], 'half done': target['half_done'],
                            'applied': target['migrations_applied'],
                            'pending': [(m['migration'], m['steps_pending']) for m in target['pending']]}
                           for target in json.loads(output)['targets']], indent=1)

    def same(self, what, wanted, got):
        if wanted == got:
            return
        a, b = os.path.join(self.folder, 'wanted'), os.path.join(self.folder, 'got')
        for path, text in ((a, wanted), (b, got)):
            with open(path, 'w', encoding='utf-8') as file:
                file.write(text)
        raise Failure('%s differs:\n%s' % (what, run(['diff', '-U2', a, b], '/').stdout))

    def check(self, project, calm, where):
        """where: 'applied' or 'before'"""
        state, ledger = calm[where]
        self.same('the state', state, self.state(project))
        self.same('the ledger', ledger, self.ledger(project))
        for step, events in self.events(project).items():
            life, wrong = 0, None  # what applied and undone rows add up to, for it is one effect and one undo of it
            for event in events:
                if event in ('APPLIED', 'ADOPTED', 'GATE_PASSED'):
                    life += 1
                    wrong = wrong or (life != 1) or event == 'ADOPTED'
                elif event == 'UNDONE':
                    life = 0
            if wrong or (where == 'before' and life and not step.startswith(project.setup + '/')):
                raise Failure('the rows of step %s: %s' % (step, ' '.join(events)))

    # -- cases

    def kill(self, case, words, then):
        """Kills it once or twice, and gives the points that the last, undisturbed process passed."""
        case.killed = 0
        for command, point in ((words, case.point), (then, case.second)):
            if not point:
                break
            status, output, points = self.command(command, point)
            if status == -signal.SIGKILL:
                case.killed += 1
                if case.killed == 1 and points and points[-1][1] != case.step:
                    case.step = points[-1][1]
                    case.instruction = case.project.instructions.get(case.step, SESSION)
            elif status:
                raise Failure('to be killed at %s, it ends with status %d:\n%s' % (point, status, output))
        return self.succeed(then)

    def bring_to(self, project, where):
        """As before or as after the apply; what earlier cases left is as good, for it was compared."""
        most = 1 if project.name in ONE_LIFE else LIVES_MAX
        if self.project is not project or not self.at or (where == 'before' and self.lives >= most):
            self.prepare(project)
            self.project, self.at, self.lives = project, 'before', 0
        if where == 'before':
            self.lives += 1
        if self.at != where:
            self.succeed(project.apply(self.index) if where == 'applied' else project.rollback(self.index))
            self.at = where

    def run_once(self, case, calm):
        project = case.project
        apply, back = project.apply(self.index), project.rollback(self.index)
        if case.kind == 'first contact':
            self.empty(project)
            self.project = project
            words, then, where = project.apply(self.index, to_setup=True), project.apply(self.index, to_setup=True), 'before'
        elif case.kind == 'undo':
            self.bring_to(project, 'applied')
            words, then, where = back, back, 'before'
        else:
            self.bring_to(project, 'before')
            words, then, where = (apply, apply, 'applied') if case.kind == 'forward' else (apply, back, 'before')
        self.at = None
        points = self.kill(case, words, then)
        self.check(project, calm, where)
        self.at = where
        return points

    def run_case(self, case, calm):
        began_at = self.at
        if case.project.name in FORWARD_ONLY or (case.project.name in ONE_LIFE and self.at == 'before'):
            self.at = began_at = None
        try:
            return self.run_once(case, calm)
        except Failure as failure:
            case.problem = str(failure)
        if began_at:  # is it what earlier cases left behind?
            again = Case(case.project, case.kind, case.point, case.step, case.second)
            try:
                self.run_once(again, calm)
                case.problem += '\n(on a fresh database it survives)'
            except Failure as failure:
                case.problem = str(failure)
        return []

    def calm(self, project):
        """An undisturbed apply and rollback: the states to compare with, and the points."""
        self.empty(project)
        points = {'first contact': self.succeed(project.apply(self.index, to_setup=True))}
        before = self.state(project), self.ledger(project)
        points['forward'] = self.succeed(project.apply(self.index))
        calm = {'before': before, 'applied': (self.state(project), self.ledger(project))}
        if project.name not in FORWARD_ONLY:
            points['undo'] = self.succeed(project.rollback(self.index))
            self.same('the state after a rollback that is left alone', before[0], self.state(project))
            self.same('the ledger after a rollback that is left alone', before[1], self.ledger(project))
        return calm, points


# --- which cases ------------------------------------------------------------------------------------------------------

def first_kills(project, points, every):
    """One case for each named point, and one for every so many requests."""
    requests = 0
    for kind, passed in points.items():
        for point, step in number(passed):
            if step == '-' and project.name not in SESSIONS_IN:
                continue
            if kind == 'first contact' and project.name not in SESSIONS_IN:
                continue
            if is_request(point):
                requests += 1
                if requests % every:
                    continue
            yield Case(project, kind, point, step)
            if kind == 'forward' and step != '-' and point.split('#')[0] in GIVEN_UP_AT and project.name not in FORWARD_ONLY:
                yield Case(project, 'given up', point, step)


def second_kill(case, points):
    """At a point that the resumed process passed: in the step of the first kill, else in any."""
    if case.killed != 1 or case.second or case.kind == 'given up' or is_request(case.point):
        return None
    passed = [(p, s) for p, s in number(points) if s != '-' and not is_request(p)]
    here = [p for p, s in passed if s == case.step] or [p for p, s in passed]
    return Case(case.project, case.kind, case.point, case.step, here[pick(case.name(), len(here))]) if here else None


def pick(key, count):
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], 'big') % count


def sample(cases, wanted):
    """The same ones each time, spread over projects, kinds and steps."""
    groups = collections.defaultdict(list)
    for case in cases:
        groups[case.project.name, case.kind, case.step].append(case)
    order, round_number = [], 0
    keys = sorted(groups, key=lambda key: hashlib.sha256('|'.join(key).encode()).hexdigest())
    while len(order) < min(wanted, len(cases)):
        for key in keys:
            if groups[key]:
                order.append(groups[key].pop(pick('%s %d' % ('|'.join(key), round_number), len(groups[key]))))
        round_number += 1
    return order[:wanted]


# --- running them -----------------------------------------------------------------------------------------------------

class Report:
    def __init__(self):
        self.count, self.failed, self.missed, self.lock = 0, 0, 0, threading.Lock()
        self.table = collections.defaultdict(lambda: [0, 0, 0, 0])  # cases and survived, by one kill and by two

    def add(self, case):
        with self.lock:
            if not case.problem and case.killed < (2 if case.second else 1):
                self.missed += 1  # a point that this run did not come to: no case
                return
            self.count += 1
            row = self.table[case.instruction, case.kind]
            at = 2 if case.second else 0
            row[at] += 1
            if not case.problem:
                row[at + 1] += 1
                print('ok %d - %s' % (self.count, case.name()))
            else:
                self.failed += 1
                print('not ok %d - %s' % (self.count, case.name()))
                print('\n'.join('#   ' + line for line in case.problem.splitlines()[:60]))
            sys.stdout.flush()

    def markdown(self):
        lines = ['| Instruction | Killed | One kill: cases | survived | Two kills: cases | survived |',
                 '| --- | --- | ---: | ---: | ---: | ---: |']
        for (instruction, kind), row in sorted(self.table.items()):
            lines.append('| %s | %s | %d | %d | %d | %d |' % (
                (instruction if instruction == SESSION else '`%s`' % instruction, kind) + tuple(row)))
        total = [sum(row[i] for row in self.table.values()) for i in range(4)]
        lines.append('| all | | %d | %d | %d | %d |' % tuple(total))
        return lines


class Tasks:
    """The cases, handed out so that one leaves what the next one of the same worker needs."""

    def __init__(self, cases):
        self.lock, self.left = threading.Lock(), collections.defaultdict(lambda: collections.defaultdict(list))
        for case in reversed(cases):
            self.left[case.project][case.kind].append(case)

    def take(self, worker):
        with self.lock:
            project = worker.project
            if not self.left.get(project):
                if not self.left:
                    return None
                others = [p for p in self.left if p not in Tasks.busy.values()] or list(self.left)
                project = max(others, key=lambda p: sum(len(cases) for cases in self.left[p].values()))
            Tasks.busy[worker.index] = project
            kinds = self.left[project]
            wanted = ['undo'] if worker.at == 'applied' else ['given up', 'forward']
            kind = next((k for k in wanted if kinds.get(k)), next(iter(kinds)))
            case = kinds[kind].pop()
            if not kinds[kind]:
                del kinds[kind]
            if not kinds:
                del self.left[project]
            return case

    busy = {}


def work(worker, tasks, calms, report, chosen):
    while True:
        case = tasks.take(worker)
        if not case:
            return
        wants_second = case.name() in chosen
        try:
            points = worker.run_case(case, calms[case.project.name])
            report.add(case)
            other = second_kill(case, points) if wants_second else None
            if other:
                worker.run_case(other, calms[case.project.name])
                report.add(other)
        except Exception as error:  # pylint: disable=broad-except
            case.problem = repr(error)
            report.add(case)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--sample', type=int, default=0, help='only so many first kills, and a second one for every third')
    parser.add_argument('--only', default='', help='only cases whose name matches')
    parser.add_argument('--markdown', help='where the table goes')
    parser.add_argument('--requests', type=int, default=12, help='every so many requests of a run is a point too')
    parser.add_argument('--list', action='store_true', help='only print the points')
    parser.add_argument('--workers', type=int, default=2)
    options = parser.parse_args()
    if not POSTGRES:
        print('1..0 # SKIP TEST_DATABASE_URL is not set')
        return 0
    began = time.monotonic()
    folder = tempfile.mkdtemp(prefix='invplan-crash.')
    report = Report()
    names = ('AWS_ENDPOINT_URL', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_REGION')
    has_aws = bool(os.environ.get('TEST_AWS_ENDPOINT'))
    workers, slow = [], []
    try:
        for index in range(options.workers):
            aws_env = {name: os.environ[name] for name in names} if has_aws else {}
            if has_aws and index:
                slow.append(os.path.join(folder, 'aws%d' % index))
                run([os.path.join(ROOT, 'tests/services/aws'), 'start', slow[-1], '--creating', str(SLOW_STATES)], '/')
                with open(os.path.join(slow[-1], 'env'), encoding='ascii') as file:
                    aws_env = dict(re.findall(r'^export (\w+)=(.*)$', file.read(), re.M))
            workers.append(Worker(index, folder, aws_env))
        run_matrix(options, folder, workers, has_aws, report)
    finally:
        for aws in slow:
            run([os.path.join(ROOT, 'tests/services/aws'), 'stop', aws], '/')
        for worker in workers:
            for database in [worker.database] + ['%s_%s' % (worker.database, name) for name in worker.templates]:
                worker.drop(database)
        shutil.rmtree(folder, ignore_errors=True)
    table = report.markdown()
    print('\n'.join('# ' + line for line in table))
    print('# %d cases, %d failed, %d points not met again; %d s' % (report.count, report.failed, report.missed,
                                                                    time.monotonic() - began))
    print('1..%d' % report.count)
    if options.markdown:
        with open(options.markdown, 'w', encoding='utf-8') as file:
            file.write('\n'.join(table) + '\n')
    return 1 if report.failed or not report.count else 0


def run_matrix(options, folder, workers, has_aws, report):
    paths = sorted(os.path.join(HERE, 'projects', name) for name in os.listdir(os.path.join(HERE, 'projects')))
    calms, cases = {}, []
    for path in paths:
        project = Project(path, len(workers), folder)
        if project.has_dynamodb and not has_aws:
            print('# LEFT OUT: %s, for moto is not installed' % project.name)
            continue
        calms[project.name], points = workers[0].calm(project)
        cases += first_kills(project, points, options.requests)
    cases = [case for case in cases if re.search(options.only, case.name())]
    print('# %d points to be killed at' % len(cases))
    sys.stdout.flush()
    # A second kill for every fourth case.
    chosen = set(case.name() for case in [c for c in cases if not is_request(c.point)][::4])
    if options.sample:
        cases = sample(cases, options.sample)
        chosen = set(case.name() for case in [c for c in cases if not is_request(c.point)][::3])
    if options.list:
        print('\n'.join('# ' + case.name() for case in cases))
        return
    tasks = Tasks(cases)
    threads = [threading.Thread(target=work, args=(worker, tasks, calms, report, chosen), daemon=True)
               for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == '__main__':
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers and databases are cleared away then, too
    sys.exit(main())
