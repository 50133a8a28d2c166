#!/usr/bin/env python3
"""The connection to PostgreSQL is cut at its protocol messages, on a real server.

    cuts.py [--every N] [--sample N] [--only REGEX] [--markdown FILE] [--workers N]

Runs below tests/services/with. Each PostgreSQL project of projects/ is applied and rolled back through
tests/services/pgproxy.py, which counts the messages. Every N-th message of the client and of the server then makes a case:
that message never arrives, and its connection is closed, reset, or every connection is reset and the server is away for a
while. The run either goes on by itself or ends with exit status 50 and a message that names the target; then the same
command completes. In the end everything is as after an undisturbed run (world.py says what "everything" is).
"""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

from disturbed import run
from world import FORWARD_ONLY, POSTGRES, ROOT, Failure, Worker, pick, psql

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

    def row(self):
        return self.project.name, self.kind, self.side

    def by_itself(self):
        return self.status == 0

    def again(self):
        return self.status == UNREACHABLE

    def outcome(self):
        return '%s (%s): %s' % (self.name(), self.cut, 'exit status %s' % self.status if self.status else 'goes on by itself')


class Cutter(Worker):
    def __init__(self, index, folder):
        super().__init__(index, folder, {})
        self.proxy = Proxy(os.path.join(self.folder, 'proxy'))

    def stop(self):
        self.proxy.stop()

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


def make_cases(project, counts):
    print('# %s: %s' % (project.name, ', '.join('%s %d to and %d from the server' % (kind, c['client'], c['server'])
                                                for kind, c in counts.items())))
    return [Case(project, kind, side, n) for kind, count in counts.items() for side in ('client', 'server')
            for n in range(1, count[side] + 1)]


def main():
    columns = ['Project', 'Disturbed', 'Message of', 'Cases', 'Went on by itself', 'Exit status 50, then completed', 'Survived']
    return run(__doc__, 'messages', columns, Cutter, make_cases, dynamodb=False)


if __name__ == '__main__':
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # proxies and databases are cleared away then, too
    sys.exit(main())
