"""Takes the figures of `make bench`: a table for people, build/bench.json for programs.

Each figure has a name that begins with its area (`interp-`, `ipc-`, `boot-`), what we reach, what
a peer reaches, and the goal of the issue that asks for it. Lower is better unless the unit ends in
`/s`. Nothing here is a test of speed: a missed goal is printed, and the status is 0; it is 1 if a
program failed or computed a wrong checksum. doc/BENCH.md says how each figure is taken.
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

# What upstream's kernel takes in QEMU on a machine of this kind, in cycles of the host's time-stamp
# counter and in ms; measured once, not in this run.
UPSTREAM_ROUNDTRIP_CYCLES = 54000
UPSTREAM_BOOT_MS = 70

GOAL_INTERP = 11.5
GOAL_ROUNDTRIP_CYCLES = 1500
GOAL_BOOT_MS = 10


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
    return math.exp(statistics.fmean(math.log(value) for value in values))


class Bench:
    def __init__(self, build, only, rounds):
        self.build = build
        self.only = only
        self.rounds = rounds
        self.figures = []
        self.failures = []
        self.native = os.path.join(build, "bench", "native")

    def wanted(self, name):
        return self.only in name

    def skerry(self, program):
        return [os.path.join(self.build, "skerry"), "run", os.path.join(self.build, "bench", program)]

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

    def attempt(self, take, *arguments):
        """What `take` returns, or None, the failure noted (the same text once)."""
        try:
            return take(*arguments)
        except (Failure, OSError) as failure:
            if str(failure) not in self.failures:
                self.failures.append(str(failure))
            return None

    # --- the workloads ---------------------------------------------------------------------------

    def runners(self):
        """Each way of running a workload: its name, and the command as a function of the workload."""
        where = os.path.join(self.build, "bench")
        runners = {
            "native": lambda workload: [self.native, workload],
            "skerry": lambda workload: self.skerry("root/%s.elf" % workload),
        }
        if shutil.which("qemu-system-riscv64"):
            runners["qemu-system"] = lambda workload: [
                "qemu-system-riscv64", "-machine", "virt", "-m", "512M", "-bios", "none", "-display", "none",
                "-serial", "none", "-monitor", "none", "-kernel", "%s/metal/%s.elf" % (where, workload)]
        if shutil.which("qemu-riscv64"):
            runners["qemu-user"] = lambda workload: ["qemu-riscv64", "%s/linux/%s" % (where, workload)]
        return runners

    def workload_times(self, workloads):
        """Seconds by runner and workload, one for each round; all take turns, so that a slow
        minute of the machine falls on all."""
        runners = self.runners()
        times = {runner: {workload: [] for workload in workloads} for runner in runners}
        for number in range(self.rounds):
            for workload in workloads:
                for runner, command in runners.items():
                    taken = self.attempt(processor_time_s, command(workload))
                    times[runner][workload].append(taken)
            print("round %d of %d" % (number + 1, self.rounds), file=sys.stderr)
        return times

    def interp(self):
        names = [line.split()[0] for line in
                 subprocess.check_output([self.native, "--list"], text=True).splitlines()]
        names.remove("empty")
        whole = self.wanted("interp-geomean")
        chosen = [name for name in names if whole or self.wanted("interp-" + name)]
        if not chosen:
            return
        times = self.workload_times(["empty"] + chosen)
        empty = {runner: median(times[runner]["empty"]) or 0 for runner in times}

        def ratio(runner, workload):
            """Our time over the native one, of the same round; the median of the rounds."""
            ratios = [(ours - empty[runner]) / (native - empty["native"])
                      for ours, native in zip(times[runner][workload], times["native"][workload])
                      if ours is not None and native is not None]
            return statistics.median(ratios) if ratios and min(ratios) > 0 else None

        ratios = {runner: {name: ratio(runner, name) for name in chosen} for runner in times}
        self.workloads_print(times, empty, ratios, chosen)

        def user(value):
            return "; qemu-user %.2f" % value if value else ""

        means = {}
        for runner in times:
            values = list(ratios[runner].values())
            means[runner] = geomean(values) if None not in values else None
        for name in chosen:
            self.add("interp-" + name, ratios["skerry"][name], ratios.get("qemu-system", {}).get(name),
                     None, "x native", "processor time over native gcc -O2; peer qemu-system-riscv64" +
                     user(ratios.get("qemu-user", {}).get(name)))
        if whole:
            self.add("interp-geomean", means["skerry"], means.get("qemu-system"), GOAL_INTERP, "x native",
                     "geometric mean of the workloads; peer qemu-system-riscv64" +
                     user(means.get("qemu-user")))

    def workloads_print(self, times, empty, ratios, chosen):
        others = [runner for runner in times if runner != "native"]
        print("%-10s %10s" % ("workload", "native ms") + "".join("%13s" % runner for runner in others))
        for name in chosen:
            native = median(times["native"][name])
            cells = [ratios[runner][name] for runner in others]
            print("%-10s %10.1f" % (name, (native - empty["native"]) * 1e3) +
                  "".join("%12.2fx" % cell if cell else "%13s" % "failed" for cell in cells))
        print()

    # --- system calls and start --------------------------------------------------------------------

    def ipc(self):
        variants = {"ipc-roundtrip": ("ipc-0", GOAL_ROUNDTRIP_CYCLES, UPSTREAM_ROUNDTRIP_CYCLES, "0 words"),
                    "ipc-roundtrip-4-words": ("ipc-4", None, None, "4 words")}
        variants = {name: variant for name, variant in variants.items() if self.wanted(name)}
        if not variants:
            return
        tsc_hz = float(subprocess.check_output([self.native, "--tsc"], text=True))
        rounds_more = 400000  # of ipc-*-more.elf beyond ipc-*.elf, see build.mk
        for name, (program, goal, peer, what) in variants.items():
            cycles = []
            for _ in range(self.rounds):
                few = self.attempt(processor_time_s, self.skerry("root/%s.elf" % program))
                more = self.attempt(processor_time_s, self.skerry("root/%s-more.elf" % program))
                if few is not None and more is not None:
                    cycles.append((more - few) * tsc_hz / rounds_more)
            self.add(name, median(cycles), peer, goal, "cycles",
                     "Call + ReplyRecv between two address spaces, %s; processor time of %d further round "
                     "trips times the host's TSC frequency, %.2f GHz%s" % (
                         what, rounds_more, tsc_hz / 1e9,
                         "; peer: upstream's kernel in QEMU, measured earlier" if peer else ""))

    def boot(self):
        if not self.wanted("boot-first-instruction"):
            return
        times = []
        for _ in range(4 * self.rounds):
            taken = self.attempt(first_byte_s, self.skerry("boot.elf") + ["-m", "512M"])
            if taken is not None:
                times.append(taken * 1e3)
        self.add("boot-first-instruction", median(times), UPSTREAM_BOOT_MS, GOAL_BOOT_MS, "ms",
                 "wall time from starting the process to the output of the first user instructions; image of "
                 "1 MiB, guest of 512 MiB; peer: upstream's hello in QEMU, at best, measured earlier")

    # --- results -----------------------------------------------------------------------------------

    def report(self):
        def cell(value):
            return "-" if value is None else "%.4g" % value

        print("%-24s %9s %9s %9s %9s  %-9s" % ("figure", "ours", "peer", "ratio", "goal", "unit"))
        for figure in self.figures:
            met = ""
            if figure["goal"] is not None and figure["ours"] is not None:
                met = "met" if figure["ours"] <= figure["goal"] else "missed"
            print("%-24s %9s %9s %9s %9s  %-9s %s" % (
                figure["name"], cell(figure["ours"]), cell(figure["peer"]), cell(figure["ratio"]),
                cell(figure["goal"]), figure["unit"], met))
        for failure in self.failures:
            print("failed: " + failure)
        with open(os.path.join(self.build, "bench.json"), "w", encoding="utf-8") as file:
            json.dump(self.figures, file, indent=1)
            file.write("\n")


def median(values):
    taken = [value for value in values if value is not None]
    return statistics.median(taken) if taken else None


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
