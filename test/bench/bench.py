"""Takes the figures of `make bench`: a table for people, build/bench.json for programs.

Each figure has a name that begins with its area (`interp-`, `ipc-`, `boot-`), what we reach, what
a peer reaches, and the goal of the issue that asks for it. Lower is better unless the unit ends
in `/s`. Nothing here is a test of speed: a missed goal is printed, and the status is 0; it is 1
if a program failed or computed a wrong checksum. doc/BENCH.md says how each figure is taken.
"""

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

TIME_LIMIT_S = 120

# What upstream's kernel takes in QEMU on a machine of this kind, in cycles of the host's
# time-stamp counter and in ms; measured once, not in this run.
UPSTREAM_ROUNDTRIP_CYCLES = 54000
UPSTREAM_BOOT_MS = 70

GOAL_INTERP = 11.5
GOAL_ROUNDTRIP_CYCLES = 1500
GOAL_BOOT_MS = 10

# A workload whose native times differ by more than this between rounds is named as noisy.
NOISY = 1.25

# By how many ipc-*-more.elf exceeds ipc-*.elf: see build.mk.
ROUNDTRIPS = 400000

QEMU_SYSTEM = ["qemu-system-riscv64", "-machine", "virt", "-m", "512M", "-bios", "none",
               "-display", "none", "-serial", "none", "-monitor", "none", "-kernel"]
QEMU_USER = ["qemu-riscv64"]


class Failure(Exception):
    """A program that did not do what it was started for."""


def processor_time_s(command):
    """Runs a command to its end; the processor time it took, user and system, of all threads."""
    with tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=messages)
        limit = threading.Timer(TIME_LIMIT_S, process.kill)
        limit.start()
        _, status, usage = os.wait4(process.pid, 0)
        limit.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            messages.seek(0)
            said = messages.read().decode(errors="replace").strip().splitlines()
            raise Failure("%s: status %d%s" % (" ".join(command), process.returncode,
                                               ": " + said[-1] if said else ""))
    return usage.ru_utime + usage.ru_stime


def first_byte_s(command):
    """The wall time from the start of a command to the asterisk on its output; ends it then."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, bufsize=0)
    limit = threading.Timer(TIME_LIMIT_S, process.kill)
    limit.start()
    try:
        while True:
            output = process.stdout.read(4096)
            if not output:
                raise Failure("%s: ended without a word" % " ".join(command))
            if b"*" in output:
                return time.perf_counter() - begin
    finally:
        limit.cancel()
        process.kill()
        process.wait()
        process.stdout.close()


def geomean(values):
    """The geometric mean, or None if one of the values is missing."""
    if None in values:
        return None
    return math.exp(statistics.fmean(math.log(value) for value in values))


def median(values):
    """The median of those values that are there, or None."""
    taken = [value for value in values if value is not None]
    return statistics.median(taken) if taken else None


def spread(values):
    """The least and the greatest of those values that are there; zeros if there are none."""
    taken = [value for value in values if value is not None]
    return (min(taken), max(taken)) if taken else (0, 0)


class Bench:
    """One run: what is asked for, the figures taken so far, what went wrong."""

    def __init__(self, build, only, rounds):
        self.build = build
        self.only = only
        self.rounds = rounds
        self.native = self.program("native")
        self.figures = []
        self.failures = []

    def program(self, name):
        return os.path.join(self.build, "bench", name)

    def skerry(self, name):
        return [os.path.join(self.build, "skerry"), "run", self.program(name)]

    def wanted(self, name):
        return self.only in name

    def add(self, name, ours, peer, goal, unit, how):
        """Notes a figure; `ours` or `peer` is None where it could not be taken."""
        if self.wanted(name):
            self.figures.append({
                "name": name,
                "ours": ours and round(ours, 4),
                "peer": peer and round(peer, 4),
                "ratio": round(ours / peer, 4) if ours and peer else None,
                "goal": goal,
                "unit": unit,
                "how": how,
            })

    def attempt(self, take, command):
        """What `take` returns, or None, the failure noted (the same text once)."""
        try:
            return take(command)
        except (Failure, OSError) as failure:
            if str(failure) not in self.failures:
                self.failures.append(str(failure))
            return None

    # --- the workloads ---------------------------------------------------------------------

    def runners(self):
        """The ways of running a workload: each a name and a function from workload to command."""
        runners = {
            "native": lambda name: [self.native, name],
            "skerry": lambda name: self.skerry("root/%s.elf" % name),
        }
        if shutil.which(QEMU_SYSTEM[0]):
            runners["qemu-system"] = lambda name: QEMU_SYSTEM + [
                self.program("metal/%s.elf" % name)]
        if shutil.which(QEMU_USER[0]):
            runners["qemu-user"] = lambda name: QEMU_USER + [self.program("linux/" + name)]
        return runners

    def workload_times(self, workloads):
        """Seconds by runner and workload, a list of one for each round. All take turns, so that
        a slow minute of the machine falls on all."""
        runners = self.runners()
        times = {runner: {workload: [] for workload in workloads} for runner in runners}
        for number in range(self.rounds):
            for workload in workloads:
                for runner, command in runners.items():
                    taken = self.attempt(processor_time_s, command(workload))
                    times[runner][workload].append(taken)
            print("round %d of %d" % (number + 1, self.rounds), file=sys.stderr)
        return times

    @staticmethod
    def workload_ratios(times, chosen):
        """By runner and workload: time over native time, less what the empty workload takes,
        formed within each round; the median of the rounds."""
        empty = {runner: median(times[runner]["empty"]) or 0 for runner in times}

        def ratio(runner, workload):
            pairs = zip(times[runner][workload], times["native"][workload])
            ratios = [(taken - empty[runner]) / (native - empty["native"])
                      for taken, native in pairs if taken is not None and native is not None]
            return statistics.median(ratios) if ratios and min(ratios) > 0 else None

        return {runner: {name: ratio(runner, name) for name in chosen}
                for runner in times if runner != "native"}

    @staticmethod
    def workloads_print(times, ratios, means, chosen):
        def line(name, native, row):
            cells = "".join("%12.2fx" % value if value else "%13s" % "failed" for value in row)
            print("%-10s %10s" % (name, native) + cells)

        print("%-10s %10s" % ("workload", "native ms") + "".join("%13s" % name for name in ratios))
        for name in chosen:
            native = median(times["native"][name])
            line(name, "%.1f" % (native * 1e3) if native else "failed",
                 [ratios[runner][name] for runner in ratios])
        if means:
            line("geomean", "", means.values())
        noisy = []
        for name in chosen:
            low, high = spread(times["native"][name])
            if high > NOISY * low:
                noisy.append("%s (%.1f to %.1f ms)" % (name, low * 1e3, high * 1e3))
        if noisy:
            print("noisy, so not to be relied on: " + ", ".join(noisy))
        if os.getloadavg()[0] > os.cpu_count():
            print("the machine is loaded (%.1f on %d processors): not to be relied on" % (
                os.getloadavg()[0], os.cpu_count()))
        print()

    def interp(self):
        table = subprocess.check_output([self.native, "--list"], text=True).splitlines()
        names = [line.split()[0] for line in table]
        names.remove("empty")
        whole = self.wanted("interp-geomean")
        chosen = [name for name in names if whole or self.wanted("interp-" + name)]
        if not chosen:
            return

        times = self.workload_times(["empty"] + chosen)
        ratios = self.workload_ratios(times, chosen)
        means = {runner: geomean(ratios[runner].values()) for runner in ratios}
        self.workloads_print(times, ratios, means if whole else None, chosen)

        def add(name, by_runner, goal, what):
            user = by_runner.get("qemu-user")
            self.add("interp-" + name, by_runner["skerry"], by_runner.get("qemu-system"), goal,
                     "x native", what + "; peer: qemu-system-riscv64" +
                     ("; qemu-riscv64: %.2f" % user if user else ""))

        for name in chosen:
            low, high = spread(times["native"][name])
            add(name, {runner: ratios[runner][name] for runner in ratios}, None,
                "processor time over native gcc -O2, %.1f to %.1f ms" % (low * 1e3, high * 1e3))
        if whole:
            add("geomean", means, GOAL_INTERP, "geometric mean of the %d workloads" % len(names))

    # --- system calls and start ------------------------------------------------------------

    def ipc(self):
        for name, program, words, goal, peer in (
                ("ipc-roundtrip", "ipc-0", 0, GOAL_ROUNDTRIP_CYCLES, UPSTREAM_ROUNDTRIP_CYCLES),
                ("ipc-roundtrip-4-words", "ipc-4", 4, None, None)):
            if not self.wanted(name):
                continue
            tsc_hz = float(subprocess.check_output([self.native, "--tsc"], text=True))
            cycles = []
            for _ in range(self.rounds):
                few = self.attempt(processor_time_s, self.skerry("root/%s.elf" % program))
                more = self.attempt(processor_time_s, self.skerry("root/%s-more.elf" % program))
                if few is not None and more is not None:
                    cycles.append((more - few) * tsc_hz / ROUNDTRIPS)
            self.add(name, median(cycles), peer, goal, "cycles",
                     "Call + ReplyRecv between two address spaces, %d words; processor time of "
                     "%d round trips times the host's TSC frequency, %.2f GHz%s" % (
                         words, ROUNDTRIPS, tsc_hz / 1e9,
                         "; peer: upstream's kernel in QEMU, measured earlier" if peer else ""))

    def boot(self):
        if not self.wanted("boot-first-instruction"):
            return
        command = self.skerry("boot.elf") + ["-m", "512M"]
        times = [self.attempt(first_byte_s, command) for _ in range(4 * self.rounds)]
        taken = median(times)
        self.add("boot-first-instruction", taken and taken * 1e3, UPSTREAM_BOOT_MS, GOAL_BOOT_MS,
                 "ms", "wall time from starting the process to the output of the first user "
                 "instructions; image of 1 MiB, guest of 512 MiB; peer: upstream's hello in "
                 "QEMU at its best, measured earlier")

    # --- results ---------------------------------------------------------------------------

    def report(self):
        def cell(value):
            return "-" if value is None else "%.4g" % value

        if self.figures:
            print("%-24s %9s %9s %9s %9s  unit" % ("figure", "ours", "peer", "ratio", "goal"))
        for figure in self.figures:
            met = ""
            if figure["goal"] is not None and figure["ours"] is not None:
                met = "met" if figure["ours"] <= figure["goal"] else "missed"
            cells = [cell(figure[key]) for key in ("ours", "peer", "ratio", "goal")]
            line = "%-24s %9s %9s %9s %9s  %-9s %s" % (figure["name"], *cells, figure["unit"], met)
            print(line.rstrip())
        for failure in self.failures:
            print("failed: " + failure)
        with open(os.path.join(self.build, "bench.json"), "w", encoding="utf-8") as file:
            json.dump(self.figures, file, indent=1)
            file.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", help="the build folder")
    parser.add_argument("--only", default="", help="only figures whose name contains this")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()

    bench = Bench(arguments.build, arguments.only, arguments.rounds)
    bench.interp()
    bench.ipc()
    bench.boot()
    bench.report()
    if not bench.figures and not bench.failures:
        print("no figure's name contains '%s'" % arguments.only)
        return 2
    return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
