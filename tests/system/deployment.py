"""flagfall in a lab: masters, slaves, chronyds, resolvers, with generated
configurations. Clocks are real chronyd daemons (-x: none of them touches the
system clock): one serves the management network, each flagfall daemon's host
has a client of it.

Configurations are dicts until start(), so that a test may change them first:

    deployment = Deployment(lab, slaves=("fra", "nyc", "sin"))
    deployment.masters["master"]["race"]["timestamp"] = "dequeue"
    deployment.start()

With `ordinary_user`, flagfall's daemons run as nobody with the capabilities
that the systemd units give them, and no others.
"""

import json
import os
import shutil
import subprocess

import harness

ZONE = """$ORIGIN example.test.
$TTL 300
@       IN SOA ns1 hostmaster 1 3600 900 604800 60
        IN NS  ns1
        IN MX  10 mail
        IN TXT "an ordinary zone"
ns1     IN A    192.0.2.1
        IN AAAA 2001:db8::1
mail    IN A    192.0.2.99
www     IN A    192.0.2.1
        IN AAAA 2001:db8::1
plain   IN A    192.0.2.98
*.race  IN A    192.0.2.1
        IN AAAA 2001:db8::1
*.slow  IN A    192.0.2.1
        IN AAAA 2001:db8::1
"""

NOBODY, NOGROUP = 65534, 65534
# As in configs/systemd/.
CAPABILITIES = {"flagfall-master": "net_bind_service", "flagfall-slave": "net_raw,+net_bind_service"}

# What a demo or a test asks in seconds is more than one network may race by default.
OPEN_GUARD = {"rate": 100000, "burst": 100000, "prefix_rate": 100000, "prefix_burst": 100000}


def toml(table, path=""):
    """A dict as TOML: scalars first, then tables, then lists of tables."""
    out = ""
    for key, value in table.items():
        if not isinstance(value, dict) and not (isinstance(value, list) and value and isinstance(value[0], dict)):
            out += f"{key} = {json.dumps(value)}\n"
    for key, value in table.items():
        name = f"{path}{key}"
        if isinstance(value, dict):
            out += f"\n[{name}]\n" + toml(value, name + ".")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for item in value:
                out += f"\n[[{name}]]\n" + toml(item, name + ".")
    return out


def endpoint(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class Deployment:
    """One lab's flagfall. Programs end with the lab."""

    def __init__(self, lab, slaves=("fra", "nyc", "sin"), *, masters=("master",), delay="25ms", names=("race",),
                 ordinary_user=False):
        self.lab = lab
        self.ordinary_user = ordinary_user
        self.directory = lab.directory
        self.time_host = masters[0]
        self.services = [self._service(name, slaves, delay) for name in names]
        self.masters = {host: self._master_config(host) for host in masters}
        self.slaves = {host: self._slave_config(host, masters) for host in slaves}
        self.wanted = frozenset(slaves)
        self.zone = ZONE
        self.time_server_lines = []  # more of the time server's chrony.conf
        self.programs = {}  # the latest run of each: "master", "fra", "fra-chronyd", ...

    # Configurations

    def _service(self, name, slaves, delay):
        runners = [{"name": host, "answers": [self.lab.address(host, 4), self.lab.address(host, 6)]} for host in slaves]
        return {"name": name, "names": [f"*.{name}.example.test"], "delay": delay, "slave": runners}

    def _keys_of(self, host):
        return {"ca": "ca.crt", "certificate": f"{host}.crt", "key": f"{host}.key"}

    def _master_config(self, host):
        return {
            "log": {"level": "info"},
            "dns": {"listen": [endpoint(self.lab.address(host, family), 53) for family in (4, 6)], "threads": 1,
                    "rate": 0},
            "zone": [{"origin": "example.test", "file": "example.test.zone"}],
            "control": {"listen": [endpoint(self.lab.address(host, family), 4953) for family in (4, 6)],
                        **self._keys_of(host)},
            "clock": {"poll": "500ms"},
            "race": {},
            "guard": dict(OPEN_GUARD),
            # Races that teach have few slaves: tests that count slaves want all of them in each.
            "verdicts": {"teach": 0},
            "stats": {"database": f"run/{host}.db"},
            "admin": {"socket": f"run/{host}.sock"},
            "service": self.services,
        }

    def _slave_config(self, host, masters):
        return {
            "log": {"level": "info"},
            "master": [{"address": endpoint(self.lab.address(m, 4), 4953), "name": m} for m in masters],
            "control": self._keys_of(host),
            "transmit": {"sources": [endpoint(self.lab.address(m, family), 53) for m in masters for family in (4, 6)],
                         "rate": 100000, "burst": 100000},
            "clock": {"poll": "500ms"},
        }

    def make_keys(self, *hosts):
        """Certificates; the CA with the first of them."""
        tool = harness.BIN / "flagfall"
        commands = [[tool, "keygen", "--dir", self.directory, *hosts]]
        if not (self.directory / "ca.crt").exists():
            commands.insert(0, [tool, "keygen", "--ca", self.directory])
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
            if done.returncode != 0:
                raise harness.HarnessError(f"flagfall keygen: {done.stderr.strip()}")

    # Programs

    def start(self, wait=True):
        """Everything; with `wait`, returns when every slave is fit."""
        self.make_keys(*self.masters, *self.slaves)
        (self.directory / "example.test.zone").write_text(self.zone)
        (self.directory / "run").mkdir(exist_ok=True)
        if self.ordinary_user:
            self._hand_over()
        self.start_time_server()
        for host in (*self.masters, *self.slaves):
            self.start_chronyd(host)
        for host in self.masters:
            self.start_master(host)
        for host in self.slaves:
            self.start_slave(host)
        if wait:
            for host in self.masters:
                self.wait_fit(host)

    def _hand_over(self):
        """Keys and sockets to nobody, and programs where nobody may read them."""
        for path in (self.directory / "run", *self.directory.glob("*.key")):
            os.chown(path, NOBODY, NOGROUP)
        for program in CAPABILITIES:
            shutil.copy(harness.BIN / program, self.directory)

    def _start(self, host, name, argv):
        self.programs[name] = self.lab.start(host, name, argv)
        return self.programs[name]

    def _chronyd(self, host, name, lines, before=()):
        directory = self.directory / name
        directory.mkdir(mode=0o750, exist_ok=True)  # chronyd refuses to run from others' directories
        config = directory / "chrony.conf"
        config.write_text("\n".join([*lines, f"bindcmdaddress {directory}/chronyd.sock",
                                     f"pidfile {directory}/chronyd.pid"]) + "\n")
        return self._start(host, name, [*before, "chronyd", "-x", "-n", "-u", "root", "-f", config])

    def start_time_server(self):
        """The source of all clocks here: the machine's own, over the management network."""
        return self._chronyd(self.time_host, "time-server",
                             ["local stratum 10", "allow all", "cmdport 0",
                              f"bindaddress {self.lab.management(self.time_host)}", *self.time_server_lines])

    def start_chronyd(self, host):
        """The chronyd that the host's flagfall daemon asks, on its usual command port."""
        server = self.lab.management(self.time_host)
        return self._chronyd(host, f"{host}-chronyd",
                             [f"server {server} minpoll -4 maxpoll -2 iburst xleave", "port 0",
                              "bindcmdaddress 127.0.0.1", "cmdport 323"])

    def start_master(self, host="master"):
        return self._daemon("flagfall-master", host, self.masters[host])

    def start_collector(self, host, collect):
        """flagfall-slave --collect-only in a host without a server, with its own chronyd and this [collect]."""
        self.make_keys(host)
        collector = self._slave_config(host, ("master",))
        collector["collect"] = collect
        path = self.directory / f"{host}.toml"
        path.write_text(toml(collector))
        self.start_chronyd(host)
        return self.lab.start(host, host, [harness.BIN / "flagfall-slave", "--collect-only", "--config", path])

    def start_slave(self, host):
        # At real-time priority: each slave really has processors of its own, here ten hosts share two.
        return self._daemon("flagfall-slave", host, self.slaves[host], ["chrt", "--fifo", "1"])

    def _daemon(self, program, host, config, before=()):
        path = self.directory / f"{host}.toml"
        path.write_text(toml(config))
        if not self.ordinary_user:
            return self._start(host, host, [*before, harness.BIN / program, "--config", path])
        only = f"-all,+{CAPABILITIES[program]}" + (",+net_admin,+net_raw" if config.get("http") else "")
        as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOGROUP}", "--clear-groups", "--no-new-privs",
                     f"--inh-caps={only}", f"--ambient-caps={only}", f"--bounding-set={only}"]
        return self._start(host, host, [*before, *as_nobody, self.directory / program, "--config", path])

    def start_unbound(self, host, *, masters=None, options=()):
        """A resolver on 127.0.0.1 of a host, which asks the masters for example.test."""
        servers = [self.lab.address(m, family) for m in masters or self.masters for family in (4, 6)]
        config = self.directory / f"{host}-unbound.conf"
        stubs = "\n".join(f"  stub-addr: {server}" for server in servers)
        more = "\n".join(f"  {line}" for line in options)
        config.write_text(f"""server:
  interface: 127.0.0.1
  interface: ::1
  username: ""
  chroot: ""
  directory: "{self.directory}"
  pidfile: "{self.directory}/{host}-unbound.pid"
  use-syslog: no
  do-daemonize: no
  module-config: "iterator"
  outgoing-range: 512
  local-zone: "test." nodefault  # else RFC 6761 makes it answer NXDOMAIN by itself
{more}
stub-zone:
  name: "example.test"
{stubs}
remote-control:
  control-enable: no
""")
        unbound = self._start(host, f"{host}-unbound", ["unbound", "-d", "-c", config])
        unbound.wait_for("start of service")
        return unbound

    # Looking at it

    def socket(self, host="master"):
        """The path of a master's admin socket."""
        return self.directory / "run" / f"{host}.sock"

    def status(self, host="master"):
        """The master's status; None while it does not answer."""
        done = subprocess.run([harness.BIN / "flagfall", "status", "--json", "--socket", self.socket(host)],
                              capture_output=True, text=True, check=False, timeout=10)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def fit(self, host="master"):
        """Names of the slaves that would race now."""
        status = self.status(host)
        return {s["name"] for s in status["slaves"] if s["fit"]} if status else set()

    def wait_fit(self, host="master", slaves=None, seconds=20):
        """Until these slaves (all, if none are named) are fit, no others, and the master races."""
        wanted = set(self.wanted if slaves is None else slaves)

        def look():
            ended = [name for name in (host, *wanted) if not self.programs[name].running()]
            if ended:
                raise harness.HarnessError(f"{ended[0]} has ended:\n{self.programs[ended[0]].output()}")
            status = self.status(host)
            return status and not status["racing"]["standing_down"] and self.fit(host) == wanted

        def what():
            status = self.status(host) or {"slaves": [], "clock": None}
            reasons = {s["name"]: s["why_not"] for s in status["slaves"] if not s["fit"]}
            return f"slaves {sorted(wanted)} to be fit at {host}; not fit: {reasons}; clock: {status['clock']}"
        harness.wait_until(look, seconds, what)
