"""A steady load of DNS queries from one host of the lab, each for a name of its
own, without a process for each. Answers are read and counted, nothing more."""

import random
import socket
import struct
import threading
import time


def question(number, name, rtype=1):
    """A DNS query (RFC 1035 §4.1) with recursion desired and no EDNS."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", number & 0xFFFF, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", rtype, 1)


class Load:
    """`with Load(lab, "berlin", "192.0.2.1", ["race"], 150) as load:` asks 150 names a second, in turns of these
    services, under SERVICE.example.test."""

    def __init__(self, lab, host, server, services, rate):
        self.asked = 0
        self.answered = 0
        self._server = (server, 53)
        self._services = services
        self._rate = rate
        self._label = f"{host}-{random.getrandbits(32):08x}"
        self._socket = lab.socket(host, socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def _run(self):
        begun = time.monotonic()
        while not self._stop.wait(0.002):
            due = int((time.monotonic() - begun) * self._rate)
            if due - self.asked > self._rate:  # the machine was away: no burst of what was missed
                begun += (due - self.asked) / self._rate
                due = self.asked
            while self.asked < due:
                service = self._services[self.asked % len(self._services)]
                name = f"{self._label}-{self.asked}.{service}.example.test"
                self._socket.sendto(question(self.asked, name), self._server)
                self.asked += 1
            self._read()

    def _read(self):
        try:
            while True:
                self._socket.recv(2048)
                self.answered += 1
        except BlockingIOError:
            pass


class Counted(Load):
    """Counts the questions that were answered, 65,536 at most: a race answers one several times."""

    def __init__(self, *words):
        super().__init__(*words)
        self.answers = set()

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        time.sleep(0.5)  # what was asked last is on its way
        self._read()
        self._socket.close()

    def _read(self):
        try:
            while True:
                self.answers.add(struct.unpack(">H", self._socket.recv(2048)[:2])[0])
        except BlockingIOError:
            pass
