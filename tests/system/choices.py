"""Services that differ in their policies alone, for tests of what each policy chooses: one deployment, a name for
each policy, content servers over TCP on the slaves, and clients of them."""

import collections
import json
import subprocess
import sys
import time

import deployment
import digs
import harness

PORT = 8080
# Sends as many octets as its client asks for, and holds the connection until the client ends it.
SERVER = """
import asyncio, sys
async def serve(reader, writer):
    try:
        left = int(await reader.readline() or 0)
        while left > 0:
            part = min(left, 65536)
            writer.write(bytes(part))
            await writer.drain()
            left -= part
        await reader.read()
    except OSError:
        pass
    writer.close()
async def main():
    server = await asyncio.start_server(serve, sys.argv[1], int(sys.argv[2]), backlog=512)
    print("listening", flush=True)
    await server.serve_forever()
asyncio.run(main())
"""
# PORT, octets a connection, seconds to hold it (0: for ever), connections at once, servers: asks each of them.
CLIENT = """
import asyncio, sys
port, octets, hold, many = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
async def one(server):
    while True:
        try:
            reader, writer = await asyncio.open_connection(server, port)
            writer.write(b"%d\\n" % octets)
            left = octets
            while left > 0:
                part = await reader.read(65536)
                if not part:
                    break
                left -= len(part)
            await asyncio.sleep(hold or 1e6)
            writer.close()
        except OSError:
            await asyncio.sleep(0.2)
async def main():
    await asyncio.gather(*[one(server) for server in sys.argv[5:] for _ in range(many)])
asyncio.run(main())
"""


class Site(deployment.Deployment):
    """`policies`: {service: [service.director] of it}. Slaves run in their hosts' networks and nothing else of
    theirs: `ip netns exec` would hide the cgroups."""

    def __init__(self, lab, slaves, policies):
        super().__init__(lab, slaves, names=tuple(policies))
        self.zone += "".join(f"*.{name} IN A 192.0.2.1\n IN AAAA 2001:db8::1\n" for name in policies)
        for service in self.services:
            service["director"] = policies[service["name"]]
            service["ttl_bound"] = 0
        self.masters["master"]["director"] = {"ping_every": "1s", "store": {"database": "run/director.db"}}
        for slave in slaves:
            self.slaves[slave]["collect"] = {"ping_keep": "0ms", "tcp_interval": "500ms",
                                             "tcp": [f"{lab.address(slave)}:{PORT}"]}
        self.asked = 0

    def service(self, name):
        return next(service for service in self.services if service["name"] == name)

    def _start(self, host, name, argv):
        if name not in self.slaves:
            return super()._start(host, name, argv)
        argv = ["nsenter", f"--net=/run/netns/ff-{self.lab.name}-{host}", *argv]
        program = harness.Program(name, argv, self.directory / f"{name}.log")
        self.lab._programs.append(program)
        self.programs[name] = program
        return program

    def start_servers(self):
        for slave in self.slaves:
            self.lab.start(slave, f"{slave}-server",
                           [sys.executable, "-c", SERVER, self.lab.address(slave), PORT]).wait_for("listening")

    def start_client(self, host, name, servers, *, octets=1, hold=0, many=1):
        return self.lab.start(host, name, [sys.executable, "-c", CLIENT, PORT, octets, hold, many,
                                           *(self.lab.address(server) for server in servers)])

    def explain(self, service, client):
        done = subprocess.run(["curl", "-s", "--max-time", "5", "--unix-socket", self.socket(),
                               f"http://master/explain?address={self.lab.address(client)}&service={service}"],
                              capture_output=True, text=True, check=True)
        return json.loads(done.stdout)["services"][0]

    def look_up(self, service, client, times=8):
        """How often each slave's address was the first of an answer."""
        names = [f"q{self.asked + i}.{service}.example.test" for i in range(times)]
        self.asked += times
        asked = digs.Digs(self.lab)
        asked.ask(client, self.lab.address("master"), names, options=("+tries=3", "+timeout=2"))
        owners = {self.lab.address(slave): slave for slave in self.slaves}
        [(_, answers)] = asked.finish()
        return collections.Counter(owners.get(a.addresses[0]) for a in answers if a.addresses)

    def until(self, service, client, slave, seconds=45):
        """Asks until all answers are this slave's; seconds that it took."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            got = self.look_up(service, client)
            if set(got) == {slave}:
                return time.monotonic() - began
            time.sleep(0.3)
        raise harness.HarnessError(f"{service}: {client} was not sent to {slave} within {seconds} s, but {dict(got)}: "
                                   f"{json.dumps(self.explain(service, client), indent=1)}")
