#!/usr/bin/env python3
"""AWS's answers are disturbed, at the n-th request of a whole run.

    answers.py [--every N] [--sample N] [--only REGEX] [--markdown FILE] [--workers N]

Runs below tests/services/with. Each project of projects/ that has DynamoDB is applied and rolled back on a server of the
worker's own (tests/services/aws.py), which counts the requests. Every N-th one then makes a case, disturbed in one of the
ways of HOWS: throttled, failed, slow, cut, corrupted, its answer lost though it was carried out; once, or so often in a row
that the run gives up. It then goes on by itself, or ends and is given again. In the end everything is as after an
undisturbed run, and nothing was done twice (world.py says what "everything" is).
"""
import argparse
import collections
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
import time

from world import FORWARD_ONLY, POSTGRES, Failure, PrivateAws, Project, Tasks, Worker, end, pick, project_paths

SLOW_STATES = 2
IN_A_ROW = 9  # more than the client tries one request
HOWS = {
    'throttled': {'status': 400, 'type': 'ThrottlingException'},
    'over its throughput': {'status': 400, 'type': 'ProvisionedThroughputExceededException'},
    'failed': {'status': 500, 'type': 'InternalServerError'},
    'unavailable': {'status': 503, 'type': 'ServiceUnavailable'},
    'slow': {'delay_ms': 700},
    'cut': {'cut': True},
    'corrupted': {'corrupt': True},
    'lost': {'lose': True},
    'failed for long': {'status': 500, 'type': 'InternalServerError', 'times': IN_A_ROW},
    'corrupted for long': {'corrupt': True, 'times': IN_A_ROW},
    'lost for long': {'lose': True, 'times': IN_A_ROW},
}
LEASE_MS = '6000'  # so that a run has heartbeats; no disturbance lasts as long
LEASE_LOST = 20
AGAIN_MAX = 3


class Case:
    def __init__(self, project, kind, number):
        self.project, self.kind, self.number = project, kind, number
        self.how = sorted(HOWS)[pick('%s %s %d' % (project.name, kind, number), len(HOWS))]
        self.problem, self.statuses, self.said = None, [], ''

    def name(self):
        return '%s, %s: %s at request %d' % (self.project.name, self.kind, self.how, self.number)

    def outcome(self):
        if len(self.statuses) == 1:
            return '%s: goes on by itself' % self.name()
        return '%s: exit status %s (%s)' % (self.name(), ', then '.join(map(str, self.statuses)), self.said)


class Disturber(Worker):
    def __init__(self, index, folder):
        self.server = PrivateAws(os.path.join(folder, 'aws%d' % index), SLOW_STATES)
        super().__init__(index, folder, self.server.env)

    def requests(self, words):
        """How many requests a command makes that is left alone."""
        self.server.script(fail=[])
        status, output, _ = self.command(words, env={'INVPLAN_LEASE_MS': LEASE_MS})
        if status:
            raise Failure('it ends with status %d:\n%s' % (status, output))
        return self.server.script(fail=[]).get('*', 0)

    def count(self, project):
        out = {}
        self.bring_to(project, 'before')
        out['forward'] = self.requests(project.apply(self.index))
        self.at = 'applied'
        if project.name not in FORWARD_ONLY:
            out['undo'] = self.requests(project.rollback(self.index))
            self.at = 'before'
        return out

    def run_once(self, case, calm):
        project = case.project
        self.bring_to(project, 'before' if case.kind == 'forward' else 'applied')
        words, where = ((project.apply(self.index), 'applied') if case.kind == 'forward' else
                        (project.rollback(self.index), 'before'))
        self.at = None
        case.statuses = []
        self.server.script(fail=[dict({'times': 1}, **HOWS[case.how], action='*', after=case.number - 1)])
        while True:
            status, output, _ = self.command(words, env={'INVPLAN_LEASE_MS': LEASE_MS})
            case.statuses.append(status)
            seen = self.server.script(fail=[]).get('*', 0) if len(case.statuses) == 1 else seen
            if not status:
                break
            case.said = ' '.join(re.findall(r'^invplan: (.*)', output, re.M))
            if status < 0 or status == LEASE_LOST or len(case.statuses) > AGAIN_MAX:
                raise Failure('it ends with status %d:\n%s' % (status, output))
        self.check(project, calm, where)
        self.at = where
        return seen >= case.number

    def run_case(self, case, calm):
        """False: this run did not make so many requests, which is no case."""
        try:
            return self.run_once(case, calm)
        except Failure as failure:
            case.problem = str(failure)
            return True


class Report:
    def __init__(self):
        self.count, self.failed, self.missed, self.lock = 0, 0, 0, threading.Lock()
        self.table = collections.defaultdict(lambda: [0, 0, 0, 0])  # cases, went on, ended and given again, survived

    def add(self, case, met):
        with self.lock:
            if not met:
                self.missed += 1
                return
            self.count += 1
            row = self.table[case.how, case.kind]
            row[0] += 1
            row[1] += case.statuses == [0]
            row[2] += len(case.statuses) > 1
            row[3] += not case.problem
            self.failed += bool(case.problem)
            print('%sok %d - %s' % ('not ' if case.problem else '', self.count, case.outcome()))
            if case.problem:
                print('\n'.join('#   ' + line for line in case.problem.splitlines()[:60]))
            sys.stdout.flush()

    def markdown(self):
        lines = ['| A request is | Disturbed | Cases | Went on by itself | Ended, and completed when given again | Survived |',
                 '| --- | --- | ---: | ---: | ---: | ---: |']
        for (how, kind), row in sorted(self.table.items()):
            lines.append('| %s | %s | %d | %d | %d | %d |' % ((how, kind) + tuple(row)))
        total = [sum(row[i] for row in self.table.values()) for i in range(4)]
        lines.append('| all | | %d | %d | %d | %d |' % tuple(total))
        return lines


def work(worker, tasks, calms, report):
    while True:
        case = tasks.take(worker)
        if not case:
            return
        try:
            report.add(case, worker.run_case(case, calms[case.project.name]))
        except Exception as error:  # pylint: disable=broad-except
            case.problem = repr(error)
            report.add(case, True)


def all_cases(options, folder, workers, calms):
    cases = []
    for path in project_paths():
        project = Project(path, len(workers), folder)
        if not project.has_dynamodb:
            continue
        calms[project.name], _ = workers[0].calm(project)
        workers[0].at = None
        counts = workers[0].count(project)
        print('# %s: %s' % (project.name, ', '.join('%s %d requests' % one for one in counts.items())))
        cases += [Case(project, kind, n) for kind, count in counts.items() for n in range(1, count + 1)]
    cases = [case for case in cases if re.search(options.only, case.name())]
    if options.sample:
        cases.sort(key=lambda case: pick(case.name(), 1 << 40))
        return cases[:options.sample]
    return cases[::options.every]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--every', type=int, default=1, help='only every so manyth request')
    parser.add_argument('--sample', type=int, default=0, help='only so many cases, the same ones each time')
    parser.add_argument('--only', default='', help='only cases whose name matches')
    parser.add_argument('--markdown', help='where the table goes')
    parser.add_argument('--workers', type=int, default=2)
    options = parser.parse_args()
    if not POSTGRES or not os.environ.get('TEST_AWS_ENDPOINT'):
        print('1..0 # SKIP TEST_DATABASE_URL or TEST_AWS_ENDPOINT is not set')
        return 0
    began = time.monotonic()
    folder = tempfile.mkdtemp(prefix='invplan-answers.')
    report, workers, calms = Report(), [], {}
    try:
        for index in range(options.workers):
            workers.append(Disturber(index, folder))
        cases = all_cases(options, folder, workers, calms)
        print('# %d cases' % len(cases))
        sys.stdout.flush()
        tasks = Tasks(cases)
        threads = [threading.Thread(target=work, args=(worker, tasks, calms, report), daemon=True) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        for worker in workers:
            worker.server.stop()
            worker.drop_databases()
        shutil.rmtree(folder, ignore_errors=True)
    return end(report, 'requests', time.monotonic() - began, options.markdown)


if __name__ == '__main__':
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers and databases are cleared away then, too
    sys.exit(main())
