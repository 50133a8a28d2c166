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

world.py says what "everything" is. The first worker meets an AWS whose new tables and indexes answer CREATING once, the others
one where they do so three times.
"""
import argparse
import collections
import hashlib
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
import time

from world import (FORWARD_ONLY, ONE_LIFE, POSTGRES, ROOT, Failure, PrivateAws, Project, Tasks, Worker, end, pick,
                   project_paths)

SESSION = '(first contact, leases, reading, end of run)'
# Points outside of steps are the same in every project: these three stand for all.
SESSIONS_IN = {'pg-groups', 'ddb-items', 'across'}
SLOW_STATES = 3
AWS_NAMES = ('AWS_ENDPOINT_URL', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_REGION')
# Where an apply is given up instead of resumed: wherever a step is half done, or done and not yet or just written down.
GIVEN_UP_AT = {'pg.group.after_commit', 'pg.alone.started', 'pg.alone.effect', 'pg.alone.applied', 'pg.partitions.only',
               'pg.partitions.built', 'pg.partitions.attached', 'pg.backfill.started',
               'pg.backfill.before_commit', 'pg.backfill.batch', 'pg.backfill.effect', 'pg.backfill.applied',
               'ddb.apply.started', 'ddb.call.after_request', 'ddb.apply.effect_done', 'ddb.register.before_put',
               'ddb.upgrade.before_event', 'ddb.upgrade.after_event', 'ddb.transform.before_item',
               'ddb.transform.after_item', 'ddb.pump.before_checkpoint'}


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


class Killer(Worker):
    """Runs cases one after another."""

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
    has_aws = bool(os.environ.get('TEST_AWS_ENDPOINT'))
    workers, slow = [], []
    try:
        for index in range(options.workers):
            aws_env = {name: os.environ[name] for name in AWS_NAMES} if has_aws else {}
            if has_aws and index:
                slow.append(PrivateAws(os.path.join(folder, 'aws%d' % index), SLOW_STATES))
                aws_env = slow[-1].env
            workers.append(Killer(index, folder, aws_env))
        run_matrix(options, folder, workers, has_aws, report)
    finally:
        for aws in slow:
            aws.stop()
        for worker in workers:
            worker.drop_databases()
        shutil.rmtree(folder, ignore_errors=True)
    return end(report, 'points', time.monotonic() - began, options.markdown)


def run_matrix(options, folder, workers, has_aws, report):
    calms, cases = {}, []
    for path in project_paths():
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
