"""What the tests that disturb the executor share: projects, databases and tables of a worker's own, and the comparison with
what an undisturbed run leaves.

"Everything" that is compared: pg_dump with all rows, invalid indexes, TypeORM's table, tables and settings and tags and items
on DynamoDB, the ledger's projections, the state of each step in the ledgers, each effect once, the chain of the ledgers
verified, no lease held, nothing left over from a backfill or an upgrade.
"""
import collections
import datetime
import hashlib
import hmac
import http.client
import json
import os
import re
import shutil
import subprocess
import threading
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get('INVPLAN_BUILD', os.path.join(ROOT, 'build'))
INVPLAN = os.path.join(BUILD, 'invplan')
POSTGRES = os.environ.get('TEST_DATABASE_URL', '')
LEDGER_TABLES = ('ledger', 'ledger_journal', 'ledger_undo')
# Where these projects differ from the rest: nothing takes an enum's value back.
FORWARD_ONLY = {'pg-enum'}
# moto lets a stream be switched on once in a table's life and remembers old capacities: each life begins on new tables.
ONE_LIFE = {'ddb-once'}
LIVES_MAX = 6  # of the same tables: ledgers grow, and moto copies them all for each transaction
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
        "select 'locked', count(*) from pg_locks where locktype = 'advisory' and database ="
        " (select oid from pg_database where datname = current_database())",
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


class PrivateAws:
    """A server of a worker's own, whose tables and indexes take `creating` looks to become active."""

    def __init__(self, folder, creating):
        self.folder, self.program = folder, os.path.join(ROOT, 'tests/services/aws')
        run([self.program, 'start', folder, '--creating', str(creating)], '/')
        with open(os.path.join(folder, 'env'), encoding='ascii') as file:
            self.env = dict(re.findall(r'^export (\w+)=(.*)$', file.read(), re.M))

    def script(self, **what):
        """From now on; gives how many requests there were since the last time, by action."""
        connection = http.client.HTTPConnection(urllib.parse.urlparse(self.env['AWS_ENDPOINT_URL']).netloc, timeout=60)
        connection.request('POST', '/_script', json.dumps(what))
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer['seen']

    def stop(self):
        run([self.program, 'stop', self.folder], '/')


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


def project_paths():
    return sorted(os.path.join(HERE, 'projects', name) for name in os.listdir(os.path.join(HERE, 'projects')))


def pick(key, count):
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], 'big') % count


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

    def command(self, words, kill_at=None, env=None):
        """Runs it from a folder of its own; gives status, output and the points that it passed. With an env of the caller's
        nobody watches the points, and what they keep apart goes in one round trip."""
        self.runs += 1
        cwd = os.path.join(self.folder, 'run%d' % self.runs)
        os.makedirs(cwd)
        trace = os.path.join(cwd, 'points')
        env = dict(self.env, NO_COLOR='1', **(env or {'INVPLAN_TRACE_POINTS': trace}))
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

    def drop_databases(self):
        for database in [self.database] + ['%s_%s' % (self.database, name) for name in self.templates]:
            self.drop(database)

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

    def bring_to(self, project, where):
        """As before or as after the apply; what earlier cases left is as good, for it was compared."""
        most = 1 if project.name in ONE_LIFE else LIVES_MAX
        is_there = self.at == where == 'applied'
        if self.project is not project or not self.at or (self.lives >= most and not is_there):
            self.prepare(project)
            self.project, self.at, self.lives = project, 'before', 0
        if not is_there:  # then it is going to be applied
            self.lives += 1
        if self.at != where:
            self.succeed(project.apply(self.index) if where == 'applied' else project.rollback(self.index))
            self.at = where

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


def end(report, points, seconds, markdown):
    """Prints the table, the totals and the plan of TAP, and writes the table to a file where one is named. The exit status."""
    table = report.markdown()
    print('\n'.join('# ' + line for line in table))
    summary = '%d cases, %d failed, %d %s not met again; %d s' % (report.count, report.failed, report.missed, points, seconds)
    print('# ' + summary)
    print('1..%d' % report.count)
    if markdown:
        with open(markdown, 'w', encoding='utf-8') as file:
            file.write('\n'.join(table + ['', summary]) + '\n')
    return 1 if report.failed or not report.count else 0
