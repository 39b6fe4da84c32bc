#!/usr/bin/env python3
"""CPU per request of bound redirects: flagfall-master's HTTP front end, with a real slave and a binding of
the client's network, against nginx (`return 302`, one worker). wrk asks both over kept connections, in short
turns that alternate in one run; the server has one core, wrk the other. A second master races each of its
redirects, with three slaves that share wrk's core; as a race takes its delay, nginx is asked at the same pace for
this comparison (and what it takes as fast as it can is printed beside).

What counts is the CPU time of the serving process, with the kernel's work in its name: of the master all
threads, of nginx its worker. Every answer's status is looked at by wrk, a few whole ones by this program."""

import argparse
import dataclasses
import json
import re
import statistics
import subprocess
import sys
from pathlib import Path

from harness import BIN, Failed, Folder, admin, certificates, chronyd, cpu_seconds, machine, run, wait_for

HOST, PATH, SERVER = "www.example.test", "/videos/1?quality=high", "fra"
NGINX = 8381


@dataclasses.dataclass
class Site:
    """One master and its slaves, by name, with the ports for their orders."""
    name: str
    http: int
    dns: int
    control: int
    slaves: dict
    sample: float = 0.0  # share of bound requests that is raced; 0: an operator has bound all clients


BOUND = Site("bound", 8380, 5380, 4983, {SERVER: 4993})
RACED = Site("raced", 8382, 5382, 4984, {SERVER: 4994, "nyc": 4995, "sin": 4996}, 1.0)
TARGET = f"http://{SERVER}.example.test{PATH}"
ZONE = """\
$TTL 60
@ IN SOA ns1 hostmaster 1 7200 1800 259200 300
@ NS ns1
ns1 A 127.0.0.1
www A 127.0.0.1
"""


def master_config(folder, site):
    slaves = "".join(f"""\
[[service.slave]]
name = "{name}"
answers = ["192.0.2.{i}"]
location = "{{scheme}}://{name}.example.test{{path}}"
""" for i, name in enumerate(site.slaves))
    return f"""\
[log]
level = "warning"
[dns]
listen = ["127.0.0.1:{site.dns}"]
threads = 1
[http]
listen = ["127.0.0.1:{site.http}"]
requests = 1000000000
[[zone]]
origin = "example.test"
file = "zone"
[control]
listen = "127.0.0.1:{site.control}"
ca = "ca/ca.crt"
certificate = "ca/master.crt"
key = "ca/master.key"
[clock]
chrony = "{folder.path}/chronyd.sock"
[stats]
database = "{site.name}-statistics.db"
[admin]
listen = []
socket = "{site.name}.sock"
[director]
sample = {site.sample}
[director.store]
database = "{site.name}-director.db"
[guard]
verified_rate = 1000000
verified_burst = 1000000
verified_prefix_rate = 1000000
verified_prefix_burst = 1000000
[[service]]
name = "web"
delay = "10ms"
names = ["{HOST}"]
[service.director]
policies = ["race"]
[service.http]
hosts = ["{HOST}"]
{slaves}"""


def slave_config(folder, site, name):
    return f"""\
[log]
level = "warning"
[[master]]
address = "127.0.0.1:{site.control}"
name = "master"
[control]
ca = "ca/ca.crt"
certificate = "ca/{name}.crt"
key = "ca/{name}.key"
[orders]
listen = ["127.0.0.1:{site.slaves[name]}"]
[transmit]
sources = ["127.0.0.1:{site.dns}", "127.0.0.1:{site.http}"]
rate = 1000000
burst = 1000000
[admin]
listen = []
[clock]
chrony = "{folder.path}/chronyd.sock"
"""


def nginx_config(folder):
    return f"""\
daemon off;
worker_processes 1;
pid {folder.path}/nginx.pid;
error_log {folder.path}/nginx-error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder.path}/nginx-body;
  proxy_temp_path {folder.path}/nginx-proxy;
  fastcgi_temp_path {folder.path}/nginx-fastcgi;
  uwsgi_temp_path {folder.path}/nginx-uwsgi;
  scgi_temp_path {folder.path}/nginx-scgi;
  server {{
    listen 127.0.0.1:{NGINX} backlog=4096;
    server_name {HOST};
    return 302 http://{SERVER}.example.test$request_uri;
  }}
}}
"""


def answer_of(port):
    return run(["curl", "-si", "--max-time", "5", "-H", f"Host: {HOST}", f"http://127.0.0.1:{port}{PATH}"])


def on_cpu(cpu, command):
    return ["taskset", "-c", str(cpu), *map(str, command)]


def start_ours(folder, site):
    socket = f"{site.name}.sock"
    config = folder.write(f"{site.name}.toml", master_config(folder, site))
    process = folder.start(site.name, on_cpu(0, [BIN / "flagfall-master", "--config", config]))
    wait_for("the master", lambda: admin(folder, socket))
    for name in site.slaves:
        config = folder.write(f"{site.name}-{name}.toml", slave_config(folder, site, name))
        folder.start(f"{site.name}-{name}", on_cpu(1, [BIN / "flagfall-slave", "--config", config]))
    wait_for("fit slaves", lambda: sorted(admin(folder, socket)["services"][0]["fit"]) == sorted(site.slaves))
    if not site.sample:
        run(["curl", "-sf", "--unix-socket", folder.path / socket, "-d",
             json.dumps({"prefix": "127.0.0.0/8", "server": SERVER}), "http://master/bind"])
        wait_for("a bound redirect", lambda: "private, max-age" in answer_of(site.http))
    return process.pid


def start_nginx(folder):
    process = folder.start("nginx", on_cpu(0, ["/usr/sbin/nginx", "-p", f"{folder.path}/", "-c",
                                               folder.write("nginx.conf", nginx_config(folder))]))
    wait_for("nginx", lambda: "302" in answer_of(NGINX))
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    if len(children) != 1:
        raise Failed(f"nginx has {len(children)} workers")
    return int(children[0])


def turn(port, pid, connections, seconds, script=None):
    """Microseconds of the server's CPU time for a request, and requests a second."""
    before = cpu_seconds(pid)
    more = ["-s", script] if script else []
    out = subprocess.run(on_cpu(1, ["wrk", "-t", "1", "-c", connections, "-d", f"{seconds}s", *more, "-H",
                                    f"Host: {HOST}", f"http://127.0.0.1:{port}{PATH}"]),
                         capture_output=True, text=True, check=False)
    used = cpu_seconds(pid) - before
    done = re.search(r"(\d+) requests in ([0-9.]+)s", out.stdout)
    if out.returncode != 0 or not done or "Non-2xx or 3xx" in out.stdout or "Socket errors" in out.stdout:
        raise Failed(f"wrk: {(out.stderr or out.stdout).strip()}")
    return used * 1e6 / int(done[1]), int(done[1]) / float(done[2])


def contest(folder, sides, connections, turns, seconds):
    """Medians of each side, and of the ratios to nginx of turns in one round; who is first changes."""
    for side in sides.values():
        turn(*side, connections, 1)
    got = {name: [] for name in (*sides, "paced")}
    names = list(sides)
    for i in range(turns):
        for name in names[i % len(names):] + names[:i % len(names)]:
            got[name].append(turn(*sides[name], connections, seconds))
            if name == "raced":
                pause = round(1000 * connections / got[name][-1][1])
                script = folder.write("pace.lua", f"function delay() return {pause} end\n")
                got["paced"].append(turn(*sides["nginx"], connections, seconds, script))
    us = {name: statistics.median(us for us, _ in each) for name, each in got.items()}
    result = {"connections": connections}
    for name, each in got.items():
        result |= {f"{name}_us": round(us[name], 3), f"{name}_rps": round(statistics.median(rate for _, rate in each))}
    for name, peer in (("bound", "nginx"), ("raced", "paced")):
        pairs = zip(got[name], got[peer])
        result |= {f"{name}_ratio": round(us[name] / us[peer], 3),
                   f"{name}_turns_ratio": round(statistics.median(o / n for (o, _), (n, _) in pairs), 3)}
    return result | {"raced_to_fastest_ratio": round(us["raced"] / us["nginx"], 3)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--connections", default="16,256", help="kept at once (default %(default)s)")
    parser.add_argument("--turns", type=int, default=10, help="of each server, for each (default %(default)s)")
    parser.add_argument("--seconds", type=int, default=1, help="of each turn (default %(default)s)")
    args = parser.parse_args()
    folder = Folder()
    results = []
    try:
        certificates(folder, ["master", *RACED.slaves])
        folder.write("zone", ZONE)
        chronyd(folder, 3238)
        sides = {site.name: (site.http, start_ours(folder, site)) for site in (BOUND, RACED)}
        sides["nginx"] = (NGINX, start_nginx(folder))
        for name, (port, _) in sides.items():
            answer = answer_of(port)
            if not re.search(r"^Location: http://(" + "|".join(RACED.slaves) + r")\.example\.test"
                             + re.escape(PATH) + r"\s*$", answer, re.M) or (name != "raced" and TARGET not in answer):
                raise Failed(f"another answer than expected: {answer}")
        print(machine())
        columns = "{:>12} {:>7} {:>9} {:>8} {:>7} {:>13}"
        print(columns.format("connections", "", "CPU us", "a second", "ratio", "turns' ratio"))
        before = admin(folder, "raced.sock")
        for connections in map(int, args.connections.split(",")):
            r = contest(folder, sides, connections, args.turns, args.seconds)
            folder.check()
            results.append(r)
            for name in (*sides, "paced"):
                print(columns.format(connections, name, r[f"{name}_us"], r[f"{name}_rps"], r.get(f"{name}_ratio", ""),
                                     r.get(f"{name}_turns_ratio", "")), flush=True)
        after = admin(folder, "raced.sock")
    except Failed as e:
        print(f"bench redirect: {e}", file=sys.stderr)
        return 1
    finally:
        folder.close()
    requests, races, own = (after["http"][k] - before["http"][k] for k in ("requests", "raced", "races_own_copy"))
    ratio = max(r["bound_ratio"] for r in results)
    raced_ratio = max(r["raced_ratio"] for r in results)
    fastest = max(r["raced_to_fastest_ratio"] for r in results)
    print(f"CPU of the serving process for each request; medians of {args.turns} turns each. The ratios that count are the "
          f"highest: bound {ratio}, raced {raced_ratio} (to nginx as fast as it can: {fastest}; {races} of {requests} requests were raced with "
          f"{len(RACED.slaves)} slaves, {own} took the master's own copy)")
    if args.json:
        print(json.dumps({"bench": "redirect", "ratio": ratio, "raced_ratio": raced_ratio,
                          "raced_to_fastest_ratio": fastest,
                          "raced_share": round(races / max(1, requests), 4), "loads": results, "machine": machine()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
