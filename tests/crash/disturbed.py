"""What the programs share that disturb one message or one request of a run (cuts.py, answers.py): which cases, on which worker,
the report, the command line.

A case has project, kind and problem (None: it survived), and name(), outcome(), row() (the words of its line of the table),
by_itself() and again(): whether the run went on by itself, or was given again. A worker has count(), calm(), run_case() (False:
the run never came to what was to be disturbed) and stop().
"""
import argparse
import collections
import os
import re
import shutil
import sys
import tempfile
import threading
import time

from world import POSTGRES, Project, Tasks, end, pick, project_paths


class Report:
    def __init__(self, columns):
        self.columns = columns
        self.count, self.failed, self.missed, self.lock = 0, 0, 0, threading.Lock()
        self.table = collections.defaultdict(lambda: [0, 0, 0, 0])  # cases, went on, given again, survived

    def add(self, case, met):
        with self.lock:
            if not met:
                self.missed += 1
                return
            self.count += 1
            row = self.table[case.row()]
            row[0] += 1
            row[1] += case.by_itself()
            row[2] += case.again()
            row[3] += not case.problem
            self.failed += bool(case.problem)
            print('%sok %d - %s' % ('not ' if case.problem else '', self.count, case.outcome()))
            if case.problem:
                print('\n'.join('#   ' + line for line in case.problem.splitlines()[:60]))
            sys.stdout.flush()

    def markdown(self):
        words = len(self.columns) - 4
        lines = ['| %s |' % ' | '.join(self.columns), '| %s |' % ' | '.join(['---'] * words + ['---:'] * 4)]
        total = [sum(row[i] for row in self.table.values()) for i in range(4)]
        for key, row in sorted(self.table.items()) + [(('all',) + ('',) * (words - 1), total)]:
            lines.append('| %s |' % ' | '.join(list(key) + [str(number) for number in row]))
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


def select(cases, options):
    cases = [case for case in cases if re.search(options.only, case.name())]
    if options.sample:
        cases.sort(key=lambda case: pick(case.name(), 1 << 40))
        return cases[:options.sample]
    return cases[::options.every]


def all_cases(options, folder, workers, calms, make_cases, dynamodb):
    cases = []
    for path in project_paths():
        project = Project(path, len(workers), folder)
        if project.has_dynamodb == dynamodb:
            calms[project.name], _ = workers[0].calm(project)
            workers[0].at = None
            cases += make_cases(project, workers[0].count(project))
    return select(cases, options)


def run(description, points, columns, make_worker, make_cases, dynamodb):
    """The program. points: "messages". make_cases(project, what count() gave). dynamodb: the projects that have it, or the others.
    Returns the exit status."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--every', type=int, default=1, help='only every so manyth of the ' + points)
    parser.add_argument('--sample', type=int, default=0, help='only so many cases, the same ones each time')
    parser.add_argument('--only', default='', help='only cases whose name matches')
    parser.add_argument('--markdown', help='where the table goes')
    parser.add_argument('--workers', type=int, default=2)
    options = parser.parse_args()
    if not POSTGRES or (dynamodb and not os.environ.get('TEST_AWS_ENDPOINT')):
        print('1..0 # SKIP TEST_DATABASE_URL or TEST_AWS_ENDPOINT is not set')
        return 0
    began = time.monotonic()
    folder = tempfile.mkdtemp(prefix='invplan-disturbed.')
    report, workers, calms = Report(columns), [], {}
    try:
        for index in range(options.workers):
            workers.append(make_worker(index, folder))
        cases = all_cases(options, folder, workers, calms, make_cases, dynamodb)
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
            worker.stop()
            worker.drop_databases()
        shutil.rmtree(folder, ignore_errors=True)
    return end(report, points, time.monotonic() - began, options.markdown)
