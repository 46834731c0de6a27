"""Takes the figures of `make bench`: a table for people, build/bench.json for programs.

Each figure has a name that begins with its area (`interp-`, `jit-`, `ipc-`, `boot-`, `metal-`), what we reach, what
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

import cluster

TIME_LIMIT_S = 120

# What upstream's kernel takes in QEMU on a machine of this kind, in cycles of the host's
# time-stamp counter and in ms; measured once, not in this run.
UPSTREAM_ROUNDTRIP_CYCLES = 54000
UPSTREAM_BOOT_MS = 70

# The areas with the workloads, each with the tier that it is about: of each workload, and of all, the goal.
TIER_OF = {"interp": "interp", "jit": "auto"}
GOAL_WORKLOAD = {"interp": None, "jit": 5}
GOAL_GEOMEAN = {"interp": 11.5, "jit": 2.5}

GOAL_BOOT_MS = 10

# Round trips and other events that are counted in cycles of the host: each as often as is said here more in one
# program, NAME-more, than in another, NAME (see build.mk).
EVENT_ROWS = [
    # name, program, times, tier, goal, peer, what
    ("ipc-roundtrip", "ipc-0", 400000, "interp", 1500, UPSTREAM_ROUNDTRIP_CYCLES,
     "Call + ReplyRecv between two address spaces, 0 words"),
    ("ipc-roundtrip-4-words", "ipc-4", 400000, "interp", None, None, "the same, 4 words"),
    ("jit-ipc-roundtrip", "ipc-0", 400000, "auto", 300, UPSTREAM_ROUNDTRIP_CYCLES,
     "Call + ReplyRecv between two address spaces, 0 words"),
    ("jit-fault", "fault", 200000, "auto", 1500, None,
     "page fault of a process to its handler in another address space, and the reply"),
]
GOAL_SIGNAL_CYCLES = 400
GOAL_TRANSLATE = 5
GOAL_BESIDE_INTERP = 1
BESIDE_INTERP_ROWS = [
    # name, program, what
    ("jit-short", "short.elf", "a program of some 5 ms"),
    ("jit-map-data", "root/map-data.elf", "pages are mapped, written to once, and unmapped"),
    ("jit-map-code", "root/map-code.elf", "a page of functions is mapped, each is called twice, and it is unmapped"),
    ("jit-map-processes", "root/map-processes.elf", "processes are made, run for a moment, and are destroyed"),
]
GOAL_UPSTREAM = 0.25

# What upstream's kernel takes on bare riscv64, release build, in instructions; measured once. The goal is
# nine tenths of it where no other is named here.
GOAL_OF_UPSTREAM = 0.9
GOAL_FPU_MORE = 30
METAL_ROWS = [
    # name, upstream's, goal, what
    ("call-0", 552, 440, "Call + ReplyRecv, other address space, 0 words, FPU disabled"),
    ("call-4", 590, 475, "the same, 4 words"),
    ("call-0-fpu", 725, None, "0 words, both threads may use the FPU and never did"),
    ("call-0-fpu-used", 725, None, "0 words, both threads have used the FPU, but not in between"),
    ("call-10", 1890, 1000, "Call + ReplyRecv, 10 words each way"),
    ("call-cap", None, None, "Call with one capability + ReplyRecv"),
    ("call-oneway", 249, None, "Call to the server's Recv, less the stub"),
    ("replyrecv-oneway", 289, None, "ReplyRecv to the client's return, less the stub"),
    ("send", 1413, None, "Send to a receiver of higher priority that waits, until we run again"),
    ("signal", 434, None, "Signal, nobody waits"),
    ("signal-waiter", 614, None, "Signal to the return of Wait in a thread of higher priority"),
    ("signal-wait", 2637, None, "Signal + Wait, there and back, same priority"),
    ("yield", 470, None, "Yield, nobody else there"),
    ("fault", 670, None, "page fault to the handler's Recv"),
    ("fault-reply", 815, None, "handler's ReplyRecv to the instruction that follows"),
    ("fault-map", 2225, None, "page fault, Page_Map by the handler, and back"),
    ("retype-tcb", 1027, None, "Untyped_Retype of a TCB"),
    ("retype-endpoint", 1031, None, "of an endpoint"),
    ("retype-cnode", 1015, None, "of a CNode of 16 slots"),
    ("retype-frames", 116875, None, "of 64 frames in one call, in memory that must be cleared"),
    ("copy", 911, None, "CNode_Copy"),
    ("delete", 855, None, "CNode_Delete of a copy"),
    ("revoke", 1062, None, "CNode_Revoke with one child"),
    ("map", 738, None, "Page_Map"),
    ("unmap", 688, None, "Page_Unmap"),
    ("delete-tcb", 2583, None, "CNode_Delete of a configured thread's last capability"),
    ("irq", 398, None, "interrupt to the return of Wait in a handler of higher priority"),
    ("irq-ack-wait", 1024, None, "IRQHandler_Ack + Wait, to the thread of lower priority"),
]
METAL_BOOT = ("boot", 186531, 100000, "the kernel's first instruction to the root server's first")
METAL_TEXT = ("text", 31206, 31744, "bytes of the kernel's .text")
METAL_IMAGE = ["--abi", "release", "--root-cnode-bits", "13"]
QEMU_COUNTING = ["qemu-system-riscv64", "-machine", "virt", "-m", "512M", "-nographic", "-icount",
                 "shift=0,sleep=off", "-kernel"]

# The kernel's longest work, in the order in which latency.c does it, and how long it may keep an interrupt waiting.
GOAL_LATENCY = 5000
LATENCY_ROWS = [
    ("revoke-100000", "Revoke of an endpoint's 100,000 badged copies"),
    ("revoke-memory-100000", "Revoke of memory with 100,000 notifications"),
    ("delete-cnode-131072", "Delete of a CNode of 131,072 slots, 100,000 in use"),
    ("delete-deep-cnodes", "Delete of 8,000 CNodes, each in the one before"),
    ("delete-threads", "Revoke of memory with 1,000 threads"),
    ("retype-256-tcbs", "Retype of 256 TCBs"),
    ("retype-256-cnodes", "Retype of 256 CNodes"),
    ("retype-256-frames", "Retype of 256 frames"),
    ("retype-256-untypeds", "Retype of 256 untypeds"),
    ("retype-clear-16MiB", "Retype that clears 16 MiB, then makes 256 TCBs"),
    ("delete-endpoint-10000-senders", "Delete of an endpoint with 10,000 senders"),
    ("delete-endpoint-10000-receivers", "Delete of an endpoint with 10,000 receivers"),
    ("delete-notification-10000", "Delete of a notification with 10,000 waiters"),
    ("cancel-badged-10000", "CancelBadgedSends, 5,000 of 10,000 senders"),
    ("asid-pool-make", "ASIDControl_MakePool"),
    ("asid-pool-fill", "ASIDPool_Assign, 512 times"),
    ("asid-pool-delete", "Delete of a full ASID pool"),
    ("page-table-unmap", "PageTable_Unmap, which clears it"),
    ("message-120-words-3-caps", "Call and ReplyRecv, 120 words and 3 capabilities each way"),
    ("message-deep-spaces", "the same with two callers, all look-ups through 64 CNodes"),
]
LATENCY_IMAGE = ["--abi", "release", "--root-cnode-bits", "18"]

# Snapshots of a guest with a working set of 64 MiB, as bench/snapshot names them.
SNAPSHOT_ROWS = [
    # name, goal, unit, what
    ("snapshot-pause-first", 0.5, "ms/MiB", "time for which the guest stands still, by MiB copied: all of memory"),
    ("snapshot-pause-later", 0.5, "ms/MiB", "the same of a later snapshot, which copies what changed"),
    ("snapshot-restore", 100, "ms", "from a snapshot's file to a node that was checked and can run"),
    ("snapshot-back", None, "ms", "back to a snapshot in memory, 4 MiB having changed"),
]

# A workload whose native times differ by more than this between rounds is named as noisy.
NOISY = 1.25

QEMU_SYSTEM = ["qemu-system-riscv64", "-machine", "virt", "-m", "512M", "-bios", "none",
               "-display", "none", "-serial", "none", "-monitor", "none", "-kernel"]
QEMU_USER = ["qemu-riscv64"]

# Upstream's test suite: SEL4TEST_IMAGE names the image made for QEMU.
SUITE_IMAGE = "SEL4TEST_IMAGE"
SUITE_GOOD = b"All is well in the universe"
SUITE_QEMU = ["qemu-system-riscv64", "-machine", "virt", "-m", "3072M", "-nographic", "-bios", "none", "-kernel"]
SUITE_LIMIT_S = 600


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


def time_to_text_s(command, text=b"*", limit_s=TIME_LIMIT_S):
    """The wall time from the start of a command to a text in its output; ends it then."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, bufsize=0)
    limit = threading.Timer(limit_s, process.kill)
    limit.start()
    seen = b""
    try:
        while True:
            output = process.stdout.read(4096)
            if not output:
                raise Failure("%s: ended without \"%s\"" % (" ".join(command), text.decode()))
            seen = seen[-len(text):] + output
            if text in seen:
                return time.perf_counter() - begin
    finally:
        limit.cancel()
        process.kill()
        process.wait()
        process.stdout.close()


def console_of(command):
    """Runs a machine to its end; the lines on its console."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False,
                              timeout=TIME_LIMIT_S)
    except subprocess.TimeoutExpired:
        raise Failure("%s: not ended after %d s" % (" ".join(command), TIME_LIMIT_S)) from None
    lines = done.stdout.decode(errors="replace").splitlines()
    if done.returncode != 0:
        raise Failure("%s: status %d%s" % (" ".join(command), done.returncode,
                                           ": " + lines[-1] if lines else ""))
    return lines


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

    def __init__(self, build, metal_kernel, only, rounds):
        self.build = build
        self.metal_kernel = metal_kernel
        self.only = only
        self.rounds = rounds
        self.native = self.program("native")
        self.figures = []
        self.failures = []

    def program(self, name):
        return os.path.join(self.build, "bench", name)

    def skerry(self, name, tier="interp"):
        return [os.path.join(self.build, "skerry"), "run", self.program(name), "--tier", tier]

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

    def runners(self, areas):
        """The ways of running a workload: each a name and a function from workload to command. Our own are named
        by their area."""
        runners = {"native": lambda name: [self.native, name]}
        for area in areas:
            runners[area] = lambda name, tier=TIER_OF[area]: self.skerry("root/%s.elf" % name, tier)
        if shutil.which(QEMU_SYSTEM[0]):
            runners["qemu-system"] = lambda name: QEMU_SYSTEM + [
                self.program("metal/%s.elf" % name)]
        if shutil.which(QEMU_USER[0]):
            runners["qemu-user"] = lambda name: QEMU_USER + [self.program("linux/" + name)]
        return runners

    def workload_times(self, workloads, areas):
        """Seconds by runner and workload, a list of one for each round. All take turns, so that
        a slow minute of the machine falls on all."""
        runners = self.runners(areas)
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

    def workloads(self):
        table = subprocess.check_output([self.native, "--list"], text=True).splitlines()
        names = [line.split()[0] for line in table]
        names.remove("empty")
        areas = [area for area in TIER_OF
                 if any(self.wanted("%s-%s" % (area, name)) for name in names + ["geomean"])]
        whole = any(self.wanted(area + "-geomean") for area in areas)
        chosen = [name for name in names
                  if whole or any(self.wanted("%s-%s" % (area, name)) for area in areas)]
        if not chosen:
            return

        times = self.workload_times(["empty"] + chosen, areas)
        ratios = self.workload_ratios(times, chosen)
        means = {runner: geomean(ratios[runner].values()) for runner in ratios}
        self.workloads_print(times, ratios, means if whole else None, chosen)

        def add(area, name, by_runner, goal, what):
            user = by_runner.get("qemu-user")
            self.add("%s-%s" % (area, name), by_runner[area], by_runner.get("qemu-system"), goal,
                     "x native", what + "; peer: qemu-system-riscv64" +
                     ("; qemu-riscv64: %.2f" % user if user else ""))

        for area in areas:
            for name in chosen:
                low, high = spread(times["native"][name])
                add(area, name, {runner: ratios[runner][name] for runner in ratios}, GOAL_WORKLOAD[area],
                    "processor time over native gcc -O2, %.1f to %.1f ms" % (low * 1e3, high * 1e3))
            if whole:
                add(area, "geomean", means, GOAL_GEOMEAN[area],
                    "geometric mean of the %d workloads" % len(names))

    # --- system calls and start ------------------------------------------------------------

    def tsc_hz(self):
        return float(subprocess.check_output([self.native, "--tsc"], text=True))

    def events(self):
        for name, program, count, tier, goal, peer, what in EVENT_ROWS:
            if not self.wanted(name):
                continue
            tsc_hz = self.tsc_hz()
            cycles = []
            for _ in range(self.rounds):
                few = self.attempt(processor_time_s, self.skerry("root/%s.elf" % program, tier))
                more = self.attempt(processor_time_s, self.skerry("root/%s-more.elf" % program, tier))
                if few is not None and more is not None:
                    cycles.append((more - few) * tsc_hz / count)
            self.add(name, median(cycles), peer, goal, "cycles",
                     "%s; processor time of %d times the host's TSC frequency, %.2f GHz%s" % (
                         what, count, tsc_hz / 1e9,
                         "; peer: upstream's kernel in QEMU, measured earlier" if peer else ""))

    def signal(self):
        if not self.wanted("jit-signal-waiter"):
            return
        command = self.skerry("root/signal.elf", TIER_OF["jit"]) + ["--time", "real"]
        tick_cycles = self.tsc_hz() / 1e7
        taken = [self.attempt(console_of, command) for _ in range(self.rounds)]
        cycles = [float(lines[0].split()[1]) / 1e3 * tick_cycles for lines in taken if lines]
        self.add("jit-signal-waiter", median(cycles), None, GOAL_SIGNAL_CYCLES, "cycles",
                 "Signal to the return of Wait in a thread of higher priority, less the reading of the clock; "
                 "wall time, median of 201 batches, of %d runs" % self.rounds)

    # --- the compiler ------------------------------------------------------------------------

    def translate(self):
        if not self.wanted("jit-translate"):
            return
        command = [self.program("translate"), self.program("metal.elf")]
        taken = [self.attempt(console_of, command) for _ in range(self.rounds)]
        rates = [float(lines[0]) / 1e6 for lines in taken if lines]
        self.add("jit-translate", median(rates), None, GOAL_TRANSLATE, "M instr/s",
                 "guest instructions decoded and compiled, by processor time; the text of metal.elf")

    def beside_interp(self, name, program, what):
        if not self.wanted(name):
            return
        ratios = []
        for _ in range(4 * self.rounds):
            interp, auto = (self.attempt(processor_time_s, self.skerry(program, tier)) for tier in ("interp", "auto"))
            if interp and auto:
                ratios.append(auto / interp)
        self.add(name, median(ratios), None, GOAL_BESIDE_INTERP, "x interp",
                 "processor time with --tier auto over --tier interp, start and end included: " + what)

    def upstream(self):
        image = os.environ.get(SUITE_IMAGE)
        if not image or not self.wanted("jit-upstream") or not shutil.which(SUITE_QEMU[0]):
            return

        def suite_s(command):
            return time_to_text_s(command, SUITE_GOOD, SUITE_LIMIT_S)

        ours = self.attempt(suite_s, [os.path.join(self.build, "skerry"), "run", image, "--tier", TIER_OF["jit"]])
        qemu = self.attempt(suite_s, SUITE_QEMU + [image])
        self.add("jit-upstream", ours and qemu and ours / qemu, None, GOAL_UPSTREAM, "x QEMU",
                 "wall time of upstream's test suite, %s s, over that in qemu-system-riscv64 on upstream's kernel, %s s" % (
                     ours and round(ours, 1), qemu and round(qemu, 1)))

    def trace(self):
        rows = [("trace-event", "event", "one event into the ring of --trace"),
                ("trace-roundtrip", "roundtrip", "ipc-roundtrip with --trace: four events, on the slow path"),
                ("trace-untraced", "untraced", "the same program and clock without --trace")]
        chosen = [row for row in rows if self.wanted(row[0])]
        if not chosen:
            return
        tsc_hz = self.tsc_hz()
        command = [self.program("trace"), self.program("root/ipc-0-more.elf"), "400000"]
        taken = {row[0]: [] for row in rows}
        for _ in range(self.rounds):
            for line in subprocess.check_output(command, text=True).splitlines():
                taken["trace-" + line.split()[0]].append(float(line.split()[1]) * tsc_hz / 1e9)
        for name, _, what in chosen:
            self.add(name, median(taken[name]), None, None, "cycles",
                     what + "; processor time times the host's TSC frequency")

    def boot(self):
        if not self.wanted("boot-first-instruction"):
            return
        command = self.skerry("boot.elf") + ["-m", "512M"]
        times = [self.attempt(time_to_text_s, command) for _ in range(4 * self.rounds)]
        taken = median(times)
        self.add("boot-first-instruction", taken and taken * 1e3, UPSTREAM_BOOT_MS, GOAL_BOOT_MS,
                 "ms", "wall time from starting the process to the output of the first user "
                 "instructions; image of 1 MiB, guest of 512 MiB; peer: upstream's hello in "
                 "QEMU at its best, measured earlier")

    # --- bare metal ------------------------------------------------------------------------

    def counts(self, program, bootable=False):
        """What a program prints on bare metal: numbers by name. It is a root server's image, or
        bootable as it is."""
        path = self.program(program)
        with tempfile.TemporaryDirectory() as folder:
            if not bootable:
                image = os.path.join(folder, "system.elf")
                subprocess.run([os.path.join(self.build, "skerry"), "image", path, "-o", image] +
                               METAL_IMAGE, check=True)
                path = image
            lines = console_of(QEMU_COUNTING + [path])
        words = [line.split() for line in lines]
        return {pair[0]: float(pair[1]) for pair in words
                if len(pair) == 2 and pair[1].replace(".", "").isdigit()}

    def text_bytes(self, kernel):
        sections = subprocess.check_output(["riscv64-unknown-elf-size", "-A", kernel], text=True)
        return int(next(line.split()[1] for line in sections.splitlines()
                        if line.startswith(".text ")))

    def metal_add(self, row, ours, how=None, unit="instr"):
        name, peer, goal, what = row
        if goal is None and peer:
            goal = math.floor(peer * GOAL_OF_UPSTREAM)
        self.add("metal-" + name, ours, peer, goal, unit, what + (how or ""))

    def metal(self):
        rows = [row for row in METAL_ROWS if self.wanted("metal-" + row[0])]
        if self.wanted("metal-text"):
            self.metal_add(METAL_TEXT, self.attempt(self.text_bytes, self.metal_kernel), unit="bytes")
        if not shutil.which(QEMU_COUNTING[0]):
            return
        if rows:
            counts = self.attempt(self.counts, "metal.elf") or {}
            for row in rows:
                if row[0].startswith("call-0-fpu") and "call-0" in counts:
                    row = row[:2] + (counts["call-0"] + GOAL_FPU_MORE, row[3])
                self.metal_add(row, counts.get(row[0]))
            if len(counts) > 0 and any(row[0] not in counts for row in rows):
                self.failures.append("metal.elf: did not print every figure")
        if self.wanted("metal-boot"):
            kernel = self.attempt(lambda name: self.counts(name, bootable=True), "first-kernel.elf")
            user = self.attempt(self.counts, "first-user.elf")
            taken = kernel and user and user["first-user"] - kernel["first-kernel"]
            self.metal_add(METAL_BOOT, taken, user and "; image of %d pages" % user["image-pages"])

    def latencies(self):
        """What latency.elf and the counting plugin say: by the work's name, the worst latency of so many
        alarms and the longest stretch with interrupts off (or None, where QEMU takes no plugins)."""
        with tempfile.TemporaryDirectory() as folder:
            image, counted = os.path.join(folder, "system.elf"), os.path.join(folder, "stretch")
            subprocess.run([os.path.join(self.build, "skerry"), "image", self.program("latency.elf"),
                            "-o", image] + LATENCY_IMAGE, check=True)
            machine = QEMU_COUNTING[:-1] + ["-rtc", "clock=vm", "-kernel", image]
            plugin = ["-plugin", "%s,out=%s" % (self.program("stretch.so"), counted)]
            try:
                lines = console_of(machine + plugin)
                with open(counted, encoding="utf-8") as file:
                    stretches = [int(line.split()[1]) for line in file]
            except (Failure, OSError):
                lines, stretches = console_of(machine), []
        rows = [line.split() for line in lines if line.startswith("latency ")]
        if len(rows) != len(LATENCY_ROWS):
            raise Failure("latency.elf: did not print every figure")
        return {row[1]: (int(row[2]), int(row[3]), stretches[i] if stretches else None)
                for i, row in enumerate(rows)}

    def latency(self):
        chosen = [row for row in LATENCY_ROWS if self.wanted("metal-latency-" + row[0])]
        if not chosen or not shutil.which(QEMU_COUNTING[0]):
            return
        taken = self.attempt(lambda _: self.latencies(), None) or {}
        for name, what in chosen:
            worst, alarms, stretch = taken.get(name, (None, 0, None))
            self.add("metal-latency-" + name, None if worst is None else max(worst, stretch or 0), None,
                     GOAL_LATENCY, "instr", "%s: interrupt to handler, worst of %d; interrupts off at a stretch: %s" % (
                         what, alarms, stretch or "not counted, QEMU takes no plugins"))

    def snapshots(self):
        chosen = [row for row in SNAPSHOT_ROWS if self.wanted(row[0])]
        if not chosen:
            return
        with tempfile.TemporaryDirectory() as folder:
            command = [self.program("snapshot"), self.program("working_set.elf"), os.path.join(folder, "file")]
            lines = self.attempt(console_of, command) or []
        taken = {line.split()[0]: float(line.split()[1]) for line in lines}
        for name, goal, unit, what in chosen:
            self.add(name, taken.get(name), None, goal, unit, what + "; working set of 64 MiB, best of 5")

    # --- results ---------------------------------------------------------------------------

    def report(self):
        def cell(value, unit=None):
            counted = unit in ("instr", "bytes")
            return "-" if value is None else ("%.9g" if counted else "%.4g") % value

        if self.figures:
            print("%-24s %9s %9s %9s %9s  unit" % ("figure", "ours", "peer", "ratio", "goal"))
        for figure in self.figures:
            met = ""
            if figure["goal"] is not None and figure["ours"] is not None:
                more = figure["unit"].endswith("/s")
                reached = figure["ours"] >= figure["goal"] if more else figure["ours"] <= figure["goal"]
                met = "met" if reached else "missed"
            cells = [cell(figure[key], key != "ratio" and figure["unit"])
                     for key in ("ours", "peer", "ratio", "goal")]
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
    parser.add_argument("--metal-kernel", default="build/metal/kernel.elf",
                        help="the bare-metal kernel whose size counts")
    parser.add_argument("--only", default="", help="only figures whose name contains this")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()

    bench = Bench(arguments.build, arguments.metal_kernel, arguments.only, arguments.rounds)
    bench.workloads()
    bench.events()
    bench.signal()
    bench.translate()
    for row in BESIDE_INTERP_ROWS:
        bench.beside_interp(*row)
    bench.upstream()
    bench.trace()
    bench.boot()
    bench.metal()
    bench.latency()
    bench.snapshots()
    cluster.take(bench)
    bench.report()
    if not bench.figures and not bench.failures:
        print("no figure's name contains '%s'" % arguments.only)
        return 2
    return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
