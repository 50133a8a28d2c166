#!/usr/bin/env python3
"""A proxy in front of a PostgreSQL server that knows the protocol's messages, counts them and disturbs them.

    pgproxy.py --dir DIR --port PORT [--client N | --server N] [--how HOW]

Listens on a free port of 127.0.0.1, writes it to DIR/port, its process id to DIR/pid, and passes everything on to PORT of
127.0.0.1. Messages are counted over all connections since the start or the last command, each direction for itself;
SIGTERM ends it. Commands are lines over the control port, which is in DIR/control:

    client N HOW    the N-th message of a client is the last event of its connection: it is not passed on
    server N HOW    likewise the N-th message of the server
    pass            disturb nothing (and listen again)
    count           answers with one line of JSON: {"client": messages, "server": messages, "cut": times, "last": type}

HOW: `fin` closes both sides, `rst` resets both, `stall` keeps the connection and passes nothing on any more on any
connection, `down` resets every connection and refuses new ones until `pass`, `away` does so for AWAY_S. Each command starts
the counts anew.
"""
import argparse
import json
import os
import selectors
import signal
import socket
import struct
import sys
import time

REQUESTS_WITHOUT_TYPE = {80877103: 'ssl', 80877104: 'gss', 80877102: 'cancel'}  # else it is the startup message
PIECE = 1 << 16
AWAY_S = 0.7


class Side:
    """One direction of a connection: cuts what arrives into messages."""

    def __init__(self, source, sink, name):
        self.source, self.sink, self.name = source, sink, name
        self.pending, self.unsent, self.ended = b'', b'', False
        self.untyped = name == 'client'  # until the startup message has gone by
        self.single = False              # the server's answer to an encryption request is one byte

    def messages(self, data):
        self.pending += data
        while self.pending:
            if self.single:
                size = 1
            elif self.untyped:
                size = struct.unpack('!i', self.pending[:4])[0] if len(self.pending) >= 4 else len(self.pending) + 1
            else:
                size = 1 + struct.unpack('!i', self.pending[1:5])[0] if len(self.pending) >= 5 else len(self.pending) + 1
            if len(self.pending) < size:
                return
            message, self.pending = self.pending[:size], self.pending[size:]
            yield message


class Connection:
    def __init__(self, client, server):
        self.client, self.server = client, server
        self.sides = {client: Side(client, server, 'client'), server: Side(server, client, 'server')}

    def kind(self, side, message):
        """The type of a message, and what it means for the messages after it."""
        if side.single:
            side.single = False
            return 'encryption'
        if not side.untyped:
            return message[:1].decode('latin-1')
        what = REQUESTS_WITHOUT_TYPE.get(struct.unpack('!i', message[4:8])[0], 'startup')
        if what in ('ssl', 'gss'):
            self.sides[self.server].single = True
        else:
            side.untyped = False
        return what


class Proxy:
    def __init__(self, port, rule):
        self.port, self.rule = port, rule
        self.selector = selectors.DefaultSelector()
        self.connections = {}  # by socket
        self.counts = {'client': 0, 'server': 0, 'cut': 0, 'last': ''}
        self.stalled = self.down = False
        self.back_at = None  # when `away` is over
        self.listener = self.listen(self.accept)
        self.control = self.listen(self.accept_control)

    def listen(self, call, port=0):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(('127.0.0.1', port))
        listener.listen(64)
        self.selector.register(listener, selectors.EVENT_READ, call)
        return listener

    # -- connections

    def accept(self, listener):
        client, _ = listener.accept()
        if self.down and not (self.back_at and time.monotonic() >= self.back_at):
            return self.reset(client)
        self.down = False
        server = socket.socket()
        try:
            server.connect(('127.0.0.1', self.port))
        except OSError:
            server.close()
            return self.reset(client)
        connection = Connection(client, server)
        for end in (client, server):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections[end] = connection
            if not self.stalled:
                self.selector.register(end, selectors.EVENT_READ, self.transfer)
        return None

    @staticmethod
    def reset(end):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        end.close()

    def close(self, connection, how='fin'):
        for end in (connection.client, connection.server):
            self.connections.pop(end, None)
            try:
                self.selector.unregister(end)
            except (KeyError, ValueError):
                pass
            if how == 'fin':
                end.close()
            else:
                self.reset(end)

    def transfer(self, source):
        connection = self.connections.get(source)
        if not connection:
            return
        side = connection.sides[source]
        try:
            data = source.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            return self.close(connection, 'rst')
        if not data:
            side.ended = True
        for message in side.messages(data):
            self.counts[side.name] += 1
            kind = connection.kind(side, message)
            if self.rule and self.rule[0] == side.name and self.rule[1] == self.counts[side.name]:
                self.counts['cut'] += 1
                self.counts['last'] = kind
                return self.disturb(connection, side)
            side.unsent += message
        self.push(connection, side)
        if side.ended and connection.client in self.connections:
            self.close(connection)
        return None

    @staticmethod
    def push(connection, side):
        """Waits for a slow reader: its other direction rests meanwhile, as the one that it does not read does."""
        del connection
        side.sink.setblocking(True)
        try:
            side.sink.sendall(side.unsent)
        except OSError:
            side.ended = True
        finally:
            side.sink.setblocking(False)
        side.unsent = b''

    def disturb(self, connection, side):
        how = self.rule[2]
        self.rule = None
        if how == 'stall':
            self.stalled = True
            for end in self.connections:
                self.selector.unregister(end)
            return
        self.push(connection, side)  # what came before it has arrived
        if how in ('down', 'away'):
            self.down = True
            self.back_at = time.monotonic() + AWAY_S if how == 'away' else None
            for other in set(self.connections.values()):
                self.close(other, 'rst')
        else:
            self.close(connection, how)

    # -- commands

    def accept_control(self, listener):
        control, _ = listener.accept()
        with control, control.makefile('rw', encoding='ascii') as file:
            words = file.readline().split()
            file.write(self.command(words) + '\n')

    def command(self, words):
        answer = json.dumps(self.counts)
        if words[:1] != ['count']:
            self.counts = {'client': 0, 'server': 0, 'cut': 0, 'last': ''}
            self.rule = (words[0], int(words[1]), words[2]) if words and words[0] in ('client', 'server') else None
            if self.stalled:
                for connection in set(self.connections.values()):
                    self.close(connection, 'rst')
            self.stalled, self.down, self.back_at = False, False, None
        return answer

    def serve(self):
        while True:
            for key, _ in self.selector.select():
                key.data(key.fileobj)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--dir', required=True)
    parser.add_argument('--port', type=int, required=True)
    parser.add_argument('--client', type=int)
    parser.add_argument('--server', type=int)
    parser.add_argument('--how', default='fin', choices=('fin', 'rst', 'stall', 'down', 'away'))
    options = parser.parse_args()
    rule = next(((name, n, options.how) for name, n in (('client', options.client), ('server', options.server)) if n), None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    proxy = Proxy(options.port, rule)
    os.makedirs(options.dir, exist_ok=True)
    for name, text in (('pid', os.getpid()), ('control', proxy.control.getsockname()[1]),
                       ('port', proxy.listener.getsockname()[1])):  # port last: who finds it finds all
        temporary = os.path.join(options.dir, name + '.new')
        with open(temporary, 'w', encoding='ascii') as file:
            file.write('%d\n' % text)
        os.rename(temporary, os.path.join(options.dir, name))
    proxy.serve()


if __name__ == '__main__':
    main()
