"""What the tests of nodes as processes share: nodes, clusters of them, hosts with cables between them."""

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

build = sys.argv[1]
skerry = build + '/skerry'
QEMU = 'qemu-system-riscv64'
SERVICE = build + '/test/node/service.elf'
TALK = build + '/test/node/talk.elf'
holder = tempfile.TemporaryDirectory(prefix='skerry-node-')
folder = holder.name
PATIENCE_S = 40


class Wrong(Exception):
    pass


class Skipped(Exception):
    pass


def need(condition, why):
    if not condition:
        raise Wrong(why)


def path(name):
    return os.path.join(folder, name)


class Process:
    """A program whose output can be waited for."""

    def __init__(self, *arguments, prefix=(), program=skerry):
        self.output, self.errors, self.changed = '', '', threading.Condition()
        self.process = subprocess.Popen([*prefix, program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.readers = [threading.Thread(target=self.read, args=(self.process.stdout, 'output')),
                        threading.Thread(target=self.read, args=(self.process.stderr, 'errors'))]
        for reader in self.readers:
            reader.start()

    def read(self, stream, name):
        for line in stream:
            with self.changed:
                setattr(self, name, getattr(self, name) + line.decode(errors='replace'))
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.end()

    def wait(self, text, times=1, among='output'):
        until = time.monotonic() + PATIENCE_S
        with self.changed:
            while getattr(self, among).count(text) < times and time.monotonic() < until:
                if self.process.poll() is not None and not any(r.is_alive() for r in self.readers):
                    break
                self.changed.wait(0.2)
        need(getattr(self, among).count(text) >= times,
             '%r never came %d times: %s%s' % (text, times, self.output, self.errors))

    def end(self, number=None):
        """The status, after a signal."""
        if number is not None:
            self.process.send_signal(number)
        status = self.process.wait(timeout=PATIENCE_S)
        for reader in self.readers:
            reader.join(PATIENCE_S)
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.stderr.close()
        return status


def run(*arguments):
    return subprocess.run([skerry, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def node(name, *arguments, peers=(), image=TALK):
    named = [word for peer in peers for word in ('--peer', peer)]
    return Process('node', image, '--name', name, '--timeout', '100s', *named, *arguments)


def key(name):
    """Makes one; its file and public half."""
    made = run('key', 'new', path(name + '.key'))
    need(made.returncode == 0, made.stderr)
    return path(name + '.key'), made.stdout.strip()


def keys_once():
    if not os.path.exists(path('a.key')):
        for name in 'a', 'b', 'c', 'mallory':
            known[name] = key(name)[1]


known = {}


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def meet(a, b):
    a.wait('b is here')
    b.wait('a is here')
    a.wait('b says: greetings to a')
    b.wait('a says: greetings to b')


def one_line(process, *parts):
    process.wait(parts[0], among='errors')
    time.sleep(0.3)
    lines = process.errors.splitlines()
    need(len(lines) == 1 and all(part in lines[0] for part in parts), 'not one line: %s' % lines)


def processes_of(directory):
    """Those that have something in it on their command line."""
    found = []
    for number in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open('/proc/%s/cmdline' % number, 'rb') as file:
                if directory.encode() in file.read() and int(number) != os.getpid():
                    found.append(int(number))
        except OSError:
            pass
    return found


def up(*options):
    return Process('cluster', 'up', '3', TALK, '--dir', path('up'), '--timeout', '100s', *options)


def nothing_left():
    until = time.monotonic() + 10
    while processes_of(path('up')) and time.monotonic() < until:
        time.sleep(0.05)
    need(not processes_of(path('up')), 'processes are left')


def service(*options):
    return Process('cluster', 'up', '3', SERVICE, '--dir', path('up'), '--timeout', '100s', *options)


def member(name):
    """The process of a node of the cluster that up() or service() started."""
    for number in processes_of(path('up')):
        with open('/proc/%d/cmdline' % number, 'rb') as file:
            if b'\0--name\0%s\0' % name.encode() in file.read():
                return number
    raise Wrong('there is no node ' + name)


def taken_over(whole, kill):
    """The service is given by a, until `kill()` ends that: c is told, and b gives it soon."""
    whole.wait('b| I stand by')
    whole.wait('c| a answers')
    kill()
    began = time.monotonic()
    whole.wait('c| no answer')
    whole.wait('c| b answers')
    need(time.monotonic() - began < 15, 'it took %.1f s' % (time.monotonic() - began))


def links_up(count, directory=path('up')):
    """So many ends of links are up, and have a session, soon."""
    until = time.monotonic() + 10
    while True:
        state = run('cluster', 'status', '--dir', directory)
        if all(len(re.findall(line, state.stdout, re.M)) == count for line in ('^link . up', '^peer .: up')):
            return
        need(time.monotonic() < until, 'they do not find each other again: ' + state.stdout + state.stderr)
        time.sleep(0.1)


def stopped_and_back(whole, process_of):
    """A process of a's stops, so that a is silent, and goes on when b gives the service."""
    whole.wait('a answers')
    before, number = len(processes_of(path('up'))), process_of('a')
    taken_over(whole, lambda: os.kill(number, signal.SIGSTOP))
    began = time.monotonic()
    state = run('cluster', 'status', '--dir', path('up'))
    need(('node a does not answer' if number == member('a') else 'node a\nlink b up shm\nlink c up shm\nits programs do not') in
         state.stdout + state.stderr and state.stdout.count('name service: b') == 2, 'status: ' + state.stdout + state.stderr)
    need(time.monotonic() - began < 15, 'status took %.1f s' % (time.monotonic() - began))
    os.kill(number, signal.SIGCONT)
    links_up(6)
    need(whole.process.poll() is None and len(processes_of(path('up'))) == before, 'a node has ended: ' + whole.output)


def qemu_of(name):
    """The QEMU of a member on bare metal."""
    number = member(name)
    with open('/proc/%d/task/%d/children' % (number, number)) as file:
        return int(file.read().split()[0])


def qemu_or_skip():
    if not shutil.which(QEMU):
        raise Skipped('there is no ' + QEMU)


# --- as a peer of its own ---------------------------------------------------------------------------------------------

class Peer:
    """A node that is none."""

    def __init__(self, name, where):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_S)
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.socket.connect(where)
                break
            except OSError:
                need(time.monotonic() < until, 'nobody listens at ' + where)
                time.sleep(0.01)
        self.file = self.socket.makefile('rb')
        need(self.line() == b'skerry 1 unix a\n', 'another greeting')
        self.socket.sendall(b'skerry 1 unix %s\nok\n' % name)

    def line(self):
        return self.file.readline()


def peer_by_peer(*options):
    """One at a time: a second one of that name takes the place of the first."""
    with node('a', '--listen', 'unix:' + path('p'), *options, peers='b') as a:
        first = Peer(b'b', path('p'))
        need(first.line() == b'ok\n' and first.line() == b'greetings to b\n', 'another answer')
        first.socket.sendall(b'one\ntwo\nthr')
        a.wait('b says: two')
        second = Peer(b'b', path('p'))
        need(second.line() == b'ok\n' and second.line() == b'greetings to b\n', 'another answer')
        need(first.line() == b'', 'the first is not let go')
        second.socket.sendall(b'four\n')
        a.wait('b says: four')
        need('thr' not in a.output.split('two')[1], 'what was cut off was heard: ' + a.output)
        need(a.output.count('b is here') == 2, a.output)
        # More than all between the two can hold.
        second.socket.sendall(b''.join(b'%d.\n' % i for i in range(40000)) + b'count\n')
        a.wait('lines in order')
        need('b says: 40000 lines in order' in a.output, 'lines were lost: ' + a.output)


def heard_soon(*options):
    """A guest that computes without pause hears its peers all the same, and soon."""
    with node('a', '--listen', 'unix:' + path('p'), *options, peers='b'):
        peer = Peer(b'b', path('p'))
        need(peer.line() == b'ok\n' and peer.line() == b'greetings to b\n', 'another answer')
        for working in False, True:
            times = []
            for _ in range(50):
                began = time.monotonic()
                peer.socket.sendall(b'echo\n')
                need(peer.line() == b'echo\n', 'another answer')
                times.append(time.monotonic() - began)
            # At best: this machine may have other things to do, too.
            need(min(times) < (0.004 if working else 0.002), '%.1f ms at best' % (min(times) * 1e3))
            peer.socket.sendall(b'work\n')
            time.sleep(0.05)


# --- in networks of their own ----------------------------------------------------------------------------------------

def ip(*words):
    subprocess.run(['ip', *words], check=True, capture_output=True, text=True)


class Networks:
    """Three hosts, each with a cable to a switch; the nodes of some of them are on bare metal."""

    def __init__(self, metal):
        self.metal = metal
        self.mark = 'sk%d' % (os.getpid() % 100000)

    def __enter__(self):
        try:
            ip('link', 'add', self.mark, 'type', 'bridge')
        except (OSError, subprocess.CalledProcessError) as why:
            raise Skipped('no networks can be made here: %s' % (getattr(why, 'stderr', '') or why)) from None
        try:
            ip('link', 'set', self.mark, 'up')
            for name in 'abc':
                self.host(name)
        except subprocess.CalledProcessError as why:
            self.__exit__()
            raise Skipped('no networks can be made here: %s' % why.stderr) from None
        return self

    def __exit__(self, *_):
        for name in 'abc':
            subprocess.run(['ip', 'netns', 'delete', self.space(name)], capture_output=True)
            subprocess.run(['ip', 'link', 'delete', self.mark + name], capture_output=True)
        subprocess.run(['ip', 'link', 'delete', self.mark], capture_output=True)

    def host(self, name):
        number = ord(name) - 96
        ip('netns', 'add', self.space(name))
        ip('link', 'add', self.mark + name, 'type', 'veth', 'peer', 'name', 'eth0', 'address', '02:00:00:00:77:0%d' % number,
           'netns', self.space(name))
        ip('link', 'set', self.mark + name, 'master', self.mark, 'up')
        ip('-n', self.space(name), 'addr', 'add', '10.77.0.%d/24' % number, 'dev', 'eth0')
        ip('-n', self.space(name), 'link', 'set', 'eth0', 'up')
        ip('-n', self.space(name), 'link', 'set', 'lo', 'up')

    def power_fails(self, name, node):
        """Nobody is told, and the host that comes again, with the same addresses, knows of no connection."""
        self.cable(name, False)
        node.end(signal.SIGKILL)
        ip('link', 'delete', self.mark + name)
        ip('netns', 'delete', self.space(name))
        self.host(name)

    def space(self, name):
        return self.mark + '-' + name

    def cable(self, name, there):
        ip('link', 'set', self.mark + name, 'up' if there else 'down')

    def node(self, name, image=SERVICE):
        """It listens, and joins those before it."""
        words = [w for other in 'abc' if other < name for w in ('--join', 'tcp://10.77.0.%d:7400' % (ord(other) - 96))]
        return Process('node', image, '--name', name, '--key', path(name + '.key'), '--listen', 'tcp://0.0.0.0:7400',
                       '--timeout', '100s', *words, *(('--on', 'qemu') if name in self.metal else ()),
                       *[w for other in 'abc' if other != name for w in ('--peer', other + '=' + known[other])],
                       prefix=('ip', 'netns', 'exec', self.space(name)))


def networks_or_skip():
    if os.geteuid() != 0 or not shutil.which('ip'):
        raise Skipped('only the administrator can make networks, with ip')
    keys_once()


def cables_cut(metal=''):
    networks_or_skip()
    with Networks(metal) as networks, networks.node('a') as a, networks.node('b') as b, networks.node('c') as c:
        b.wait('I stand by')
        c.wait('a answers')
        networks.cable('a', False)
        began = time.monotonic()
        c.wait('no answer')
        c.wait('b answers')
        need(time.monotonic() - began < 15, 'it took %.1f s' % (time.monotonic() - began))
        networks.cable('a', True)
        # Now two have claimed the name. Whoever keeps it, a is cut off no more: c's own cable is next.
        time.sleep(3)
        networks.cable('c', False)
        c.wait('no answer', 2)
        networks.cable('c', True)
        c.wait('answers', 3)
        need(all(x.process.poll() is None for x in (a, b, c)), 'a node has ended')


def half_open_ends(metal=''):
    networks_or_skip()
    with Networks(metal) as networks, networks.node('b', TALK) as b:
        with networks.node('a', TALK) as a:     # b has joined it, and has nothing to send by that connection
            meet(a, b)
            networks.power_fails('a', a)
        with networks.node('a', TALK) as a:
            a.wait('b says: greetings to a')
            b.wait('a says: greetings to b', 2)
            need(b.output.count('a is here') == 2, b.output)
            networks.power_fails('b', b)        # now a listens, and has nothing to send
            with networks.node('b', TALK) as again:
                again.wait('a says: greetings to b')
                a.wait('b says: greetings to a', 2)
                need(a.output.count('b is here') == 2, a.output)


def main(*tests):
    failed = False
    for test in tests:
        name = 'node-' + test.__name__.replace('_', '-')
        try:
            test()
            print('ok ' + name, flush=True)
        except Skipped as why:
            print('skip %s: %s' % (name, why), flush=True)
        except (Wrong, IndexError, ValueError, OSError, subprocess.SubprocessError) as why:
            failed = True
            print('not ok %s: %r' % (name, why), flush=True)
    sys.exit(failed)
