#!/usr/bin/env python3
"""The connection to PostgreSQL is cut at its protocol messages, on a real server.

    cuts.py [--every N] [--sample N] [--only REGEX] [--markdown FILE] [--workers N]

Runs below tests/services/with. Each PostgreSQL project of projects/ is applied and rolled back through
tests/services/pgproxy.py, which counts the messages. Every N-th message of the client and of the server then makes a case:
that message never arrives, and its connection is closed, reset, or every connection is reset and the server is away for a
while. The run either goes on by itself or ends with exit status 50 and a message that names the target; then the same
command completes. In the end everything is as after an undisturbed run (world.py says what "everything" is).
"""
import argparse
import collections
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from world import FORWARD_ONLY, POSTGRES, ROOT, Failure, Project, Worker, end, pick, project_paths, psql

HOWS = ('fin', 'rst', 'away')
UNREACHABLE = 50


class Proxy:
    def __init__(self, folder):
        self.folder = folder
        port = re.search(r':(\d+)/', POSTGRES)[1]
        self.process = subprocess.Popen([sys.executable, os.path.join(ROOT, 'tests/services/pgproxy.py'), '--dir', folder,
                                         '--port', port])
        while not os.path.exists(os.path.join(folder, 'port')):
            if self.process.poll() is not None:
                raise Failure('the proxy did not start')
            time.sleep(0.02)

    def number(self, name):
        with open(os.path.join(self.folder, name), encoding='ascii') as file:
            return int(file.read())

    def url(self, database):
        return re.sub(r':\d+/.*', ':%d/%s' % (self.number('port'), database), POSTGRES)

    def command(self, words):
        with socket.create_connection(('127.0.0.1', self.number('control'))) as control, control.makefile('rw') as file:
            file.write(words + '\n')
            file.flush()
            return json.loads(file.readline())

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Case:
    def __init__(self, project, kind, side, number):
        self.project, self.kind, self.side, self.number = project, kind, side, number
        self.how = HOWS[pick('%s %s %s %d' % (project.name, kind, side, number), len(HOWS))]
        self.problem, self.cut, self.status = None, '', None

    def name(self):
        return '%s, %s: %s at message %d of the %s' % (self.project.name, self.kind, self.how, self.number, self.side)

    def outcome(self):
        return '%s (%s): %s' % (self.name(), self.cut, 'exit status %s' % self.status if self.status else 'goes on by itself')


class Cutter(Worker):
    def __init__(self, index, folder):
        super().__init__(index, folder, {})
        self.proxy = Proxy(os.path.join(self.folder, 'proxy'))

    def through_proxy(self, words):
        status, output, _ = self.command(words, env={'DATABASE_URL': self.proxy.url(self.database)})
        return status, output

    def restore(self, project, where):
        """As before or as after the first apply: always with the same ledger, for it is what most messages are about."""
        name = '%s_%s' % (project.name, where)
        template = '%s_%s' % (self.database, name)
        if name in self.templates:
            self.drop(self.database)
            psql('postgres', 'create database "%s" template "%s"' % (self.database, template))
            return
        if where == 'applied':
            self.restore(project, 'before')
            self.succeed(project.apply(self.index))
        else:
            self.empty(project)
            self.succeed(project.apply(self.index, to_setup=True))
        psql('postgres', 'create database "%s" template "%s"' % (template, self.database))
        self.templates.add(name)

    def count(self, project):
        """How many messages an undisturbed apply and rollback have: {kind: {side: count}}."""
        out = {}
        for kind, words in (('forward', project.apply(self.index)), ('undo', project.rollback(self.index))):
            if kind == 'undo' and project.name in FORWARD_ONLY:
                continue
            self.restore(project, 'before' if kind == 'forward' else 'applied')
            self.proxy.command('pass')
            status, output = self.through_proxy(words)
            if status:
                raise Failure('%s through the proxy ends with status %d:\n%s' % (kind, status, output))
            out[kind] = self.proxy.command('count')
        return out

    def run_once(self, case, calm):
        project, index = case.project, self.index
        self.project = project
        self.restore(project, 'before' if case.kind == 'forward' else 'applied')
        words, where = ((project.apply(index), 'applied') if case.kind == 'forward' else (project.rollback(index), 'before'))
        self.proxy.command('%s %d %s' % (case.side, case.number, case.how))
        case.status, output = self.through_proxy(words)
        counted = self.proxy.command('count')
        self.proxy.command('pass')
        case.cut = counted['last']
        if case.status == UNREACHABLE and "target 'db'" not in output:
            raise Failure('the message does not name the target:\n' + output)
        if case.status not in (0, UNREACHABLE):
            raise Failure('it ends with status %d:\n%s' % (case.status, output))
        if case.status:
            self.succeed(words)
        self.check(project, calm, where)
        return counted['cut'] > 0

    def run_case(self, case, calm):
        """False: this run did not have so many messages, which is no case."""
        try:
            return self.run_once(case, calm)
        except Failure as failure:
            case.problem = str(failure)
            return True


class Report:
    def __init__(self):
        self.count, self.failed, self.missed, self.lock = 0, 0, 0, threading.Lock()
        self.table = collections.defaultdict(lambda: [0, 0, 0, 0])  # cases, went on, ended with 50, survived

    def add(self, case, met):
        with self.lock:
            if not met:
                self.missed += 1
                return
            self.count += 1
            row = self.table[case.project.name, case.kind, case.side]
            row[0] += 1
            row[1] += case.status == 0
            row[2] += case.status == UNREACHABLE
            row[3] += not case.problem
            self.failed += bool(case.problem)
            print('%sok %d - %s' % ('not ' if case.problem else '', self.count, case.outcome()))
            if case.problem:
                print('\n'.join('#   ' + line for line in case.problem.splitlines()[:60]))
            sys.stdout.flush()

    def markdown(self):
        lines = ['| Project | Disturbed | Message of | Cases | Went on by itself | Exit status 50, then completed | Survived |',
                 '| --- | --- | --- | ---: | ---: | ---: | ---: |']
        for (project, kind, side), row in sorted(self.table.items()):
            lines.append('| %s | %s | %s | %d | %d | %d | %d |' % ((project, kind, side) + tuple(row)))
        total = [sum(row[i] for row in self.table.values()) for i in range(4)]
        lines.append('| all | | | %d | %d | %d | %d |' % tuple(total))
        return lines


def work(worker, queue, lock, calms, report):
    while True:
        with lock:
            # Of the project that the worker's database is of, while there are any.
            at = next((i for i, case in enumerate(queue) if case.project is worker.project), 0)
            if not queue:
                return
            case = queue.pop(at)
        try:
            report.add(case, worker.run_case(case, calms[case.project.name]))
        except Exception as error:  # pylint: disable=broad-except
            case.problem = repr(error)
            report.add(case, True)


def all_cases(options, folder, workers, calms):
    cases = []
    for path in project_paths():
        project = Project(path, len(workers), folder)
        if project.has_dynamodb:
            continue
        calms[project.name], _ = workers[0].calm(project)
        counts = workers[0].count(project)
        print('# %s: %s' % (project.name, ', '.join('%s %d to and %d from the server' % (kind, c['client'], c['server'])
                                                    for kind, c in counts.items())))
        cases += [Case(project, kind, side, n) for kind, count in counts.items() for side in ('client', 'server')
                  for n in range(1, count[side] + 1)]
    cases = [case for case in cases if re.search(options.only, case.name())]
    if options.sample:
        cases.sort(key=lambda case: pick(case.name(), 1 << 40))
        return cases[:options.sample]
    return cases[::options.every]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--every', type=int, default=1, help='only every so manyth message')
    parser.add_argument('--sample', type=int, default=0, help='only so many cases, the same ones each time')
    parser.add_argument('--only', default='', help='only cases whose name matches')
    parser.add_argument('--markdown', help='where the table goes')
    parser.add_argument('--workers', type=int, default=2)
    options = parser.parse_args()
    if not POSTGRES:
        print('1..0 # SKIP TEST_DATABASE_URL is not set')
        return 0
    began = time.monotonic()
    folder = tempfile.mkdtemp(prefix='invplan-cuts.')
    report, workers, calms = Report(), [], {}
    try:
        for index in range(options.workers):
            workers.append(Cutter(index, folder))
        cases, lock = all_cases(options, folder, workers, calms), threading.Lock()
        print('# %d cases' % len(cases))
        threads = [threading.Thread(target=work, args=(worker, cases, lock, calms, report), daemon=True)
                   for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        for worker in workers:
            worker.proxy.stop()
            worker.drop_databases()
        shutil.rmtree(folder, ignore_errors=True)
    return end(report, 'messages', time.monotonic() - began, options.markdown)


if __name__ == '__main__':
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # proxies and databases are cleared away then, too
    sys.exit(main())
