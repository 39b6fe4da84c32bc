"""Many questions by real dig, from many hosts at once."""

import dataclasses
import pathlib
import re
import subprocess
import time


@dataclasses.dataclass
class Answer:
    """What dig got for one question."""
    name: str
    status: str = ""       # NOERROR, ...; empty when nothing came
    addresses: tuple = ()


class Digs:
    """Real dig, a process for each host and family, all at once, each asking its names one after the other."""

    def __init__(self, lab):
        self.lab = lab
        self._running = []

    def ask(self, host, server, names, rtype="A", options=("+tries=1", "+timeout=3")):
        """Starts asking; `names` without final dot."""
        batch = self.lab.directory / f"dig-{host}-{len(self._running)}.txt"
        batch.write_text("".join(f"{name}. {rtype}\n" for name in names))
        argv = self.lab.inside(host, ["dig", f"@{server}", "-f", batch, "+noall", "+question", "+answer", "+comments",
                                      *options])
        out = open(batch.with_suffix(".out"), "w+", encoding="utf-8")
        process = subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        self._running.append((host, list(names), process, out))

    def done(self):
        """How many answers there are so far."""
        return sum(pathlib.Path(out.name).read_text().count("status: ") for *_, out in self._running)

    def running(self):
        return any(process.poll() is None for _, _, process, _ in self._running)

    def finish(self, timeout=120):
        """Waits for all; a list of (host, [Answer]) in the order of ask()."""
        deadline = time.monotonic() + timeout
        results = []
        for host, names, process, out in self._running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            out.seek(0)
            results.append((host, parse_dig(out.read(), names)))
            out.close()
        self._running.clear()
        return results


def parse_dig(text, names):
    """dig's text for a batch; one Answer a name, empty where dig got none."""
    answers = {name.lower(): Answer(name) for name in names}
    status, current = "", None
    for line in text.splitlines():
        if found := re.search(r"status: (\w+)", line):
            status, current = found[1], None
        elif line.startswith(";") and not line.startswith(";;"):
            current = answers.get(line[1:].split()[0].rstrip(".").lower())
            if current:
                current.status = status
        elif current and line and not line.startswith(";"):
            fields = line.split()
            if len(fields) >= 5 and fields[3] in ("A", "AAAA"):
                current.addresses += (fields[4],)
    return [answers[name.lower()] for name in names]
