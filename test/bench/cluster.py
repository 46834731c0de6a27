"""Figures of links between nodes, and of calls through them: those of bench.py whose names begin with `cluster-`.

Times are stated as multiples of what a round trip of as many bytes takes between two processes over TCP and the
loopback device (test/bench/run/ping.c), taken in the same round and on as many processors: those that there are, or
one for both sides.
"""

import os
import re
import signal
import statistics
import subprocess
import tempfile
import time

LIMIT_S = 60
ROUNDS_OF_PING = ["3000", "5"]

LINKS = [
    # name, URL, options
    ("tcp", "tcp://127.0.0.1:%d", []),
    ("unix", "unix:%s/link", []),
    ("shm", "shm:%s/link", []),
    ("shm-sleep", "shm:%s/link", ["--spin", "0"]),
]
GOALS = {"cluster-call-tcp": 2, "cluster-call-shm": 0.2, "cluster-call-shm-sleep": 0.6,
         "cluster-call-one-tcp": 2, "cluster-call-one-shm-sleep": 0.6}
WHAT = {"link": "a message of 80 bytes to another node and back, through the link alone",
        "call": "Call of 4 words to a program of another node, and the reply"}
GOAL_CAP = 1.3
COUNTED = 4000  # calls that one program makes more than another (test/cluster/build.mk)
GOAL_MEMORY_MIB = 4
SETTLED_S = 1
GOAL_TAKEOVER_S = 1.5
GOAL_STREAM = 2
TIMES_STREAMED = 15
GOALS_SIM = {"calls": 100000, "faults": 1000}  # a minute


class Pair:
    """Two nodes, of which the second joins the first."""

    def __init__(self, bench, folder, image, url, options):
        self.skerry = os.path.join(bench.build, "skerry")
        self.folder, self.image, self.options = folder, image, options
        self.url = url % (free_port() if url.startswith("tcp") else folder)
        self.keys = {name: self.key(name) for name in "ab"} if url.startswith("tcp") else {}

    def key(self, name):
        path = os.path.join(self.folder, name + ".key")
        command = [self.skerry, "key", "show" if os.path.exists(path) else "new", path]
        return path, subprocess.check_output(command, text=True).strip()

    def start(self, name, peer, how):
        keys = ["--key", self.keys[name][0], "--peer", "%s=%s" % (peer, self.keys[peer][1])] if self.keys else [
            "--peer", peer]
        return subprocess.Popen(
            [self.skerry, "node", self.image, "--name", name, how, self.url, *keys, "--timeout", "%ds" % LIMIT_S,
             *self.options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def both(self):
        return {"a": self.start("a", "b", "--listen"), "b": self.start("b", "a", "--join")}

    def numbers(self, teller):
        """What the node `teller` prints until it ends, in ns, by what is said of them; the other one is ended then."""
        nodes = self.both()
        numbers = {}
        try:
            said = nodes[teller].communicate(timeout=LIMIT_S)[0]
            for number, what in re.findall(r"^(\d+)(?: ns for each (.*))?$", said, re.M):
                numbers.setdefault(what, []).append(float(number))
            return numbers if nodes[teller].returncode == 0 else {}
        finally:
            end(nodes.values())


def end(processes):
    for process in processes:
        process.terminate()
        process.wait()
        process.stdout.close()


def free_port():
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ping_ns(bench, kind):
    said = subprocess.check_output([bench.program("ping"), kind, *ROUNDS_OF_PING], text=True)
    return statistics.median(float(word) for word in said.split())


def round_trips(bench, folder):
    take_round_trips(bench, folder, "", "not pinned", {
        "link": (bench.program("link_rtt.elf"), "a", ""),
        "call": (os.path.join(bench.build, "bench/cost.elf"), "b", "call")})


def round_trips_on_one(bench, folder):
    """Of nodes that cannot run at the same time."""
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(processors)})
    try:
        take_round_trips(bench, folder, "one-", "all pinned to one processor", {
            "call": (os.path.join(bench.build, "bench/cost.elf"), "b", "call")})
    finally:
        os.sched_setaffinity(0, processors)


def take_round_trips(bench, folder, mark, where, images):
    names = {(what, link[0]): "cluster-%s-%s%s" % (what, mark, link[0]) for what in images for link in LINKS}
    chosen = [row for row in names.values() if bench.wanted(row) or (not mark and bench.wanted(cap_row(row)))]
    taken, times, tcp, unix = {row: [] for row in chosen}, {row: [] for row in chosen}, [], []
    caps = {row: [] for row in chosen}
    for _ in range(bench.rounds if chosen else 0):
        tcp.append(ping_ns(bench, "tcp"))
        unix.append(ping_ns(bench, "unix") / tcp[-1])
        for what, (image, teller, kind) in images.items():
            for link, url, options in LINKS:
                row = names[what, link]
                if row not in chosen:
                    continue
                numbers = Pair(bench, folder, image, url, options).numbers(teller)
                if not numbers:
                    bench.failures.append(row + ": a node printed nothing, or failed")
                    continue
                times[row].append(statistics.median(numbers[kind]))
                taken[row].append(times[row][-1] / tcp[-1])
                if what == "call" and not mark:
                    caps[row].append(statistics.median(numbers["call with a capability"]) / times[row][-1])
    for row in chosen:
        if taken[row]:
            bench.add(row, statistics.median(taken[row]), statistics.median(unix), GOALS.get(row), "x TCP",
                      "%s: %.1f us, TCP's own %.1f us; wall time, median of %d rounds, %s; peer: two processes and a "
                      "Unix socket" % (WHAT[row.split("-")[1]], statistics.median(times[row]) / 1e3,
                                       statistics.median(tcp) / 1e3, bench.rounds, where))
        if caps[row]:
            bench.add(cap_row(row), statistics.median(caps[row]), None, GOAL_CAP, "x call",
                      "the same with an endpoint as argument, always the same one, which the server gives back by "
                      "cluster_release: over a call without, in batches that take turns; nothing may be left of them")


def cap_row(row):
    return row.replace("cluster-call-", "cluster-call-cap-")


def simulated_instructions(bench, program):
    """Of two simulated nodes that run it, until both have ended; None: it failed."""
    said = subprocess.run([os.path.join(bench.build, "skerry"), "cluster", "sim", "--nodes", "2", "--for", "60s", "--stats",
                           os.path.join(bench.build, "bench", program)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    found = re.search(r"(\d+) instructions", said.stdout)
    return int(found[1]) if found and said.returncode == 0 else None


def instructions(bench):
    """Of one call, as the guests retire them."""
    if not bench.wanted("cluster-instructions-call"):
        return
    none, calls, caps = [simulated_instructions(bench, "cost-%s.elf" % kind) for kind in ("none", "calls", "caps")]
    if None in (none, calls, caps):
        bench.failures.append("cluster-instructions: a simulated cluster failed")
        return
    what = "instructions of programs on both nodes for a remote call of 4 words, client and server included"
    bench.add("cluster-instructions-call", (calls - none) / COUNTED, None, None, "insns", what)
    bench.add("cluster-instructions-call-cap", (caps - none) / COUNTED, None, None, "insns",
              what + ", with a capability, which is given back")


def idle_kib(processes):
    """Resident memory of the first of them, and what of it is its own, when all say that they idle, and a while later."""
    for process in processes:
        for line in process.stdout:
            if line == "idle\n":
                break
        else:
            return None
    time.sleep(SETTLED_S)
    with open("/proc/%d/smaps_rollup" % processes[0].pid) as file:
        said = file.read()
    return [int(re.search(r"^%s: *(\d+) kB" % what, said, re.M)[1]) for what in ("Rss", "Anonymous")]


def memory(bench, folder):
    """What being in a cluster adds to a node that does nothing: bridge, link device and the host's end of the link."""
    image = bench.program("idle.elf")
    chosen = [link for link in LINKS[:3] if bench.wanted("cluster-memory-" + link[0])]
    kib = {}
    for link in [None] + chosen if chosen else []:
        processes = list(Pair(bench, folder, image, *link[1:]).both().values()) if link else [subprocess.Popen(
            [os.path.join(bench.build, "skerry"), "run", image, "--time", "real", "--timeout", "%ds" % LIMIT_S],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)]
        try:
            kib[link and link[0]] = idle_kib(processes)
        finally:
            end(processes)
    if None in kib.values():
        bench.failures.append("cluster-memory: a node did not come so far as to idle")
        return
    for link in chosen:
        rss, own = [with_it - alone for with_it, alone in zip(kib[link[0]], kib[None])]
        bench.add("cluster-memory-" + link[0], rss / 1024, None, GOAL_MEMORY_MIB, "MiB",
                  "resident memory of an idle node with a session, less that of `skerry run` with the same image alone; "
                  "%.1f MiB of it are its own, the others pages of files, which all processes share" % (own / 1024))


def pid_of(folder, name):
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % number, "rb") as file:
                words = file.read().split(b"\0")
            if folder.encode() in b" ".join(words) and words[words.index(b"--name") + 1] == name:
                return int(number)
        except (OSError, ValueError):
            pass
    return None


def takeover_s(bench, folder):
    """From the death of the node that gives a service to the first answer of another."""
    process = subprocess.Popen(
        [os.path.join(bench.build, "skerry"), "cluster", "up", "3",
         os.path.join(bench.build, "test/node/service.elf"), "--dir", os.path.join(folder, "up"), "--timeout",
         "%ds" % LIMIT_S], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        for line in process.stdout:
            if line.startswith("c| a answers"):
                time.sleep(0.5)
                begin = time.monotonic()
                os.kill(pid_of(folder, b"a"), signal.SIGKILL)
            elif line.startswith("c| b answers"):
                return time.monotonic() - begin
        return None
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def stream(bench, folder):
    """Blocks of 4 KiB from one node's program to another's, by memory that both share, in GB/s; None: they failed."""
    nodes = [subprocess.Popen([os.path.join(bench.build, "skerry"), "run", bench.program("region.elf"), "--time", "real",
                               "--timeout", "%ds" % LIMIT_S, "--region", "%s/region=4M,%d/2" % (folder, share)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
             for share in (0, 1)]
    said = [node.communicate()[0] for node in nodes]
    found = re.search(r"^read (\d+) blocks, 0 wrong, in (\d+) us$", said[1], re.M)
    return found and int(found.group(1)) * 4096 / int(found.group(2)) / 1e3


def region(bench):
    taken = []
    for _ in range(TIMES_STREAMED):
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            taken.append(stream(bench, folder))
    if None in taken:
        bench.failures.append("cluster-region: not all blocks have come")
        return
    bench.add("cluster-region", max(taken), None, GOAL_STREAM, "GB/s", "copied in by one, every word added up by the "
              "other, ring of 1 MiB, both spin, not pinned; best of %d, median %.3g" % (
                  len(taken), statistics.median(taken)))


def simulation(bench):
    """Simulated clusters under load and in bad weather, with all that is checked of them (test/sim/seeds.c)."""
    if not bench.wanted("cluster-sim-calls") and not bench.wanted("cluster-sim-faults"):
        return
    command = [os.path.join(bench.build, "test/sim/seeds"), os.path.join(bench.build, "test/sim/load.elf"), "1", "20"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    found = re.search(r"^# (\d+) calls.* (\d+) faults", said, re.M)
    if process.returncode != 0 or not found:
        bench.failures.append("cluster-sim: " + said.strip())
        return
    seconds = usage.ru_utime + usage.ru_stime
    for row, count, what in [("calls", found[1], "remote calls"), ("faults", found[2], "faults")]:
        bench.add("cluster-sim-" + row, int(count) / seconds, None, GOALS_SIM[row] / 60, row + "/s",
                  "simulated clusters of three nodes under load, %s for each second of processor time, checks "
                  "included" % what)


def take(bench):
    simulation(bench)
    with tempfile.TemporaryDirectory() as folder:
        round_trips(bench, folder)
        round_trips_on_one(bench, folder)
        instructions(bench)
        memory(bench, folder)
        if bench.wanted("cluster-takeover"):
            times = [takeover_s(bench, folder) for _ in range(bench.rounds)]
            if None in times:
                bench.failures.append("cluster-takeover: the service was not taken over")
            else:
                bench.add("cluster-takeover", statistics.median(times), None, GOAL_TAKEOVER_S, "s",
                          "from kill -9 of the node that gives a service to the first answer of another, to a "
                          "program that calls without pause on a third")
    if bench.wanted("cluster-region"):
        region(bench)
