#!/usr/bin/env python3
"""CPU per request of bound redirects: flagfall-master's HTTP front end, with a real slave and a binding of
the client's network, against nginx (`return 302`, one worker). wrk asks both over kept connections, in short
turns that alternate in one run; the server has one core, wrk the other.

What counts is the CPU time of the serving process, with the kernel's work in its name: of the master all
threads, of nginx its worker. Every answer's status is looked at by wrk, a few whole ones by this program."""

import argparse
import json
import re
import statistics
import subprocess
import sys
from pathlib import Path

from harness import BIN, Failed, Folder, admin, certificates, chronyd, cpu_seconds, machine, run, wait_for

HOST, PATH, SERVER = "www.example.test", "/videos/1?quality=high", "fra"
OURS, NGINX, DNS, CONTROL, ORDERS = 8380, 8381, 5380, 4983, 4993
TARGET = f"http://{SERVER}.example.test{PATH}"
ZONE = """\
$TTL 60
@ IN SOA ns1 hostmaster 1 7200 1800 259200 300
@ NS ns1
ns1 A 127.0.0.1
www A 127.0.0.1
"""


def master_config(folder):
    return f"""\
[log]
level = "warning"
[dns]
listen = ["127.0.0.1:{DNS}"]
threads = 1
[http]
listen = ["127.0.0.1:{OURS}"]
[[zone]]
origin = "example.test"
file = "zone"
[control]
listen = "127.0.0.1:{CONTROL}"
ca = "ca/ca.crt"
certificate = "ca/master.crt"
key = "ca/master.key"
[clock]
chrony = "{folder.path}/chronyd.sock"
[stats]
database = "statistics.db"
[admin]
listen = []
socket = "master.sock"
[director.store]
database = "director.db"
[[service]]
name = "web"
names = ["{HOST}"]
[service.director]
policies = ["race"]
[service.http]
hosts = ["{HOST}"]
[[service.slave]]
name = "{SERVER}"
answers = ["192.0.2.100"]
location = "{{scheme}}://{SERVER}.example.test{{path}}"
[[service.slave]]
name = "nyc"
answers = ["192.0.2.101"]
location = "{{scheme}}://nyc.example.test{{path}}"
"""


def slave_config(folder):
    return f"""\
[log]
level = "warning"
[[master]]
address = "127.0.0.1:{CONTROL}"
name = "master"
[control]
ca = "ca/ca.crt"
certificate = "ca/{SERVER}.crt"
key = "ca/{SERVER}.key"
[orders]
listen = ["127.0.0.1:{ORDERS}"]
[transmit]
sources = ["127.0.0.1:{DNS}"]
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


def start_ours(folder):
    certificates(folder, ["master", SERVER])
    folder.write("zone", ZONE)
    chronyd(folder, 3238)
    process = folder.start("master", on_cpu(0, [BIN / "flagfall-master", "--config",
                                                folder.write("master.toml", master_config(folder))]))
    wait_for("the master", lambda: admin(folder))
    folder.start(SERVER, on_cpu(1, [BIN / "flagfall-slave", "--config",
                                    folder.write("slave.toml", slave_config(folder))]))
    wait_for("a fit slave", lambda: admin(folder)["services"][0]["fit"] == [SERVER])
    run(["curl", "-sf", "--unix-socket", folder.path / "master.sock", "-d",
         json.dumps({"prefix": "127.0.0.0/8", "server": SERVER}), "http://master/bind"])
    wait_for("a bound redirect", lambda: "private, max-age" in answer_of(OURS))
    return process.pid


def start_nginx(folder):
    process = folder.start("nginx", on_cpu(0, ["/usr/sbin/nginx", "-p", f"{folder.path}/", "-c",
                                               folder.write("nginx.conf", nginx_config(folder))]))
    wait_for("nginx", lambda: "302" in answer_of(NGINX))
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    if len(children) != 1:
        raise Failed(f"nginx has {len(children)} workers")
    return int(children[0])


def turn(port, pid, connections, seconds):
    """Microseconds of the server's CPU time for a request, and requests a second."""
    before = cpu_seconds(pid)
    out = subprocess.run(on_cpu(1, ["wrk", "-t", "1", "-c", connections, "-d", f"{seconds}s", "-H", f"Host: {HOST}",
                                    f"http://127.0.0.1:{port}{PATH}"]), capture_output=True, text=True, check=False)
    used = cpu_seconds(pid) - before
    done = re.search(r"(\d+) requests in ([0-9.]+)s", out.stdout)
    if out.returncode != 0 or not done or "Non-2xx or 3xx" in out.stdout or "Socket errors" in out.stdout:
        raise Failed(f"wrk: {(out.stderr or out.stdout).strip()}")
    return used * 1e6 / int(done[1]), int(done[1]) / float(done[2])


def contest(sides, connections, turns, seconds):
    """Medians of both, and of the ratios of turns that followed each other; who is first changes."""
    for side in sides.values():
        turn(*side, connections, 1)
    got = {name: [] for name in sides}
    for i in range(turns):
        for name in sorted(sides, reverse=i % 2 == 1):
            got[name].append(turn(*sides[name], connections, seconds))
    us = {name: statistics.median(us for us, _ in each) for name, each in got.items()}
    rate = {name: statistics.median(rate for _, rate in each) for name, each in got.items()}
    return {"connections": connections, "ours_us": round(us["ours"], 3), "nginx_us": round(us["nginx"], 3),
            "ratio": round(us["ours"] / us["nginx"], 3),
            "turns_ratio": round(statistics.median(o / n for (o, _), (n, _) in zip(got["ours"], got["nginx"])), 3),
            "ours_rps": round(rate["ours"]), "nginx_rps": round(rate["nginx"])}


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
        sides = {"ours": (OURS, start_ours(folder)), "nginx": (NGINX, start_nginx(folder))}
        for port, _ in sides.values():
            if f"Location: {TARGET}\r\n" not in answer_of(port).replace("\r\n", "\n").replace("\n", "\r\n"):
                raise Failed(f"another answer than expected: {answer_of(port)}")
        print(machine())
        columns = "{:>12} {:>10} {:>10} {:>7} {:>13} {:>10} {:>10}"
        print(columns.format("connections", "master us", "nginx us", "ratio", "turns' ratio", "master/s", "nginx/s"))
        for connections in map(int, args.connections.split(",")):
            r = contest(sides, connections, args.turns, args.seconds)
            folder.check()
            results.append(r)
            print(columns.format(*r.values()), flush=True)
    except Failed as e:
        print(f"bench redirect: {e}", file=sys.stderr)
        return 1
    finally:
        folder.close()
    worst = max(results, key=lambda r: r["ratio"])
    print(f"CPU of the serving process for each request; medians of {args.turns} turns each; the ratio that counts"
          f" is the highest: {worst['ratio']}")
    if args.json:
        print(json.dumps({"bench": "redirect", "ratio": worst["ratio"], "ours_us": worst["ours_us"],
                          "nginx_us": worst["nginx_us"], "loads": results, "machine": machine()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
