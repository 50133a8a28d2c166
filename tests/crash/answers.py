#!/usr/bin/env python3
"""AWS's answers are disturbed, at the n-th request of a whole run.

    answers.py [--every N] [--sample N] [--only REGEX] [--markdown FILE] [--workers N]

Runs below tests/services/with. Each project of projects/ that has DynamoDB is applied and rolled back on a server of the
worker's own (tests/services/aws.py), which counts the requests. Every N-th one then makes a case, disturbed in one of the
ways of HOWS: throttled, failed, slow, cut, corrupted, its answer lost though it was carried out; once, or so often in a row
that the run gives up. It then goes on by itself, or ends and is given again. In the end everything is as after an
undisturbed run, and nothing was done twice (world.py says what "everything" is).
"""
import os
import re
import signal
import sys

from disturbed import run
from world import FORWARD_ONLY, Failure, PrivateAws, Worker, pick

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

    def row(self):
        return self.how, self.kind

    def by_itself(self):
        return self.statuses == [0]

    def again(self):
        return len(self.statuses) > 1

    def outcome(self):
        if not self.again():
            return '%s: goes on by itself' % self.name()
        return '%s: exit status %s (%s)' % (self.name(), ', then '.join(map(str, self.statuses)), self.said)


class Disturber(Worker):
    def __init__(self, index, folder):
        self.server = PrivateAws(os.path.join(folder, 'aws%d' % index), SLOW_STATES)
        super().__init__(index, folder, self.server.env)

    def stop(self):
        self.server.stop()

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


def make_cases(project, counts):
    print('# %s: %s' % (project.name, ', '.join('%s %d requests' % one for one in counts.items())))
    return [Case(project, kind, n) for kind, count in counts.items() for n in range(1, count + 1)]


def main():
    columns = ['A request is', 'Disturbed', 'Cases', 'Went on by itself', 'Ended, and completed when given again', 'Survived']
    return run(__doc__, 'requests', columns, Disturber, make_cases, dynamodb=True)


if __name__ == '__main__':
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers and databases are cleared away then, too
    sys.exit(main())
