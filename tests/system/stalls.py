"""How much of the time this machine stood still: a host that is shared takes the
CPUs away for tens of milliseconds, and what tests measure then says nothing of
flagfall.

A process on each CPU sleeps 2 ms at a time at the highest priority, above all
programs of a lab; while it oversleeps nobody on that CPU runs. The command
`stalls.py LEAST [awake]` prints one line for each time that this took LEAST seconds: its
begin and end, in seconds of CLOCK_MONOTONIC.

An idle CPU of a virtual machine is given away by the host, and comes back late: in
ten seconds up to 1,000 stalls of up to 29 ms were seen on idle CPUs, and one of
0.7 ms in the same minute while something ran on each. So with `awake` another
process on each CPU keeps it busy, at a priority below that of everything else."""

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time

SLEEP = 0.002
PR_SET_PDEATHSIG = 1


class Stalls:
    """`with Stalls() as stalls:` watches from then on for stalls of `least` seconds."""

    def __init__(self, least=0.003, awake=True):
        self._words = [str(least), *(["awake"] if awake else [])]

    def __enter__(self):
        self._cpus = len(os.sched_getaffinity(0))
        self._out = tempfile.TemporaryFile()
        self._seen, self._stalls = 0, []
        self._watch = subprocess.Popen([sys.executable, "-B", __file__, *self._words],
                                       stdin=subprocess.DEVNULL, stdout=self._out)
        return self

    def __exit__(self, *_):
        self._watch.terminate()
        self._watch.wait()
        self._out.close()

    def between(self, begin, end):
        """(share of the CPUs' time in which they stood still, the longest stall in seconds)."""
        self._read()
        found = [min(stop, end) - max(start, begin) for start, stop in self._stalls]
        found = [seconds for seconds in found if seconds > 0]
        return sum(found) / max(1e-9, (end - begin) * self._cpus), max(found, default=0.0)

    def _read(self):
        """What the watch has written since the last time."""
        text = os.pread(self._out.fileno(), os.fstat(self._out.fileno()).st_size - self._seen, self._seen)
        whole = text[:text.rfind(b"\n") + 1]
        self._seen += len(whole)
        self._stalls += [tuple(map(float, line.split())) for line in whole.splitlines()]

    def wait_for_quiet(self, at_least, at_most):
        """Returns when the machine has not stood still for `at_least` seconds, or after `at_most`."""
        deadline = time.monotonic() + at_most
        time.sleep(at_least)
        while self.between(time.monotonic() - at_least, time.monotonic())[0] > 0 and time.monotonic() < deadline:
            time.sleep(0.5)


def watch(cpu, least):
    """Forever, on one CPU."""
    os.sched_setaffinity(0, {cpu})
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99))
    except PermissionError:
        pass  # then what our own programs take from us counts as well
    due = time.monotonic()
    while True:
        due += SLEEP
        time.sleep(max(0.0, due - time.monotonic()))
        now = time.monotonic()
        if now - due > least:
            os.write(1, f"{due:.6f} {now:.6f}\n".encode())
            due = now


def keep_awake(cpu):
    """Forever, whenever nothing else wants this CPU."""
    os.sched_setaffinity(0, {cpu})
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    while True:
        pass


def main():
    """A process or two a CPU; all end with who started us."""
    def end_with_parent(parent):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    end_with_parent(os.getppid())
    ours, least = os.getpid(), float(sys.argv[1])
    jobs = [lambda cpu: watch(cpu, least)] + ([keep_awake] if "awake" in sys.argv[2:] else [])
    for cpu in os.sched_getaffinity(0):
        for job in jobs:
            if os.fork() == 0:
                end_with_parent(ours)
                job(cpu)
    signal.pause()


if __name__ == "__main__":
    main()
