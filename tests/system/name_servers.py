"""Slaves as name servers of their own in a deployment: beacon zones, delegated
services; and BIND as a resolver."""

import deployment


def make_name_servers(site, slaves):
    """Every slave answers on its own addresses, and has a beacon zone that the zone file delegates to it."""
    for slave in slaves:
        addresses = [site.lab.address(slave, family) for family in (4, 6)]
        site.slaves[slave]["dns"] = {"listen": [deployment.endpoint(a, 53) for a in addresses], "rate": 100000,
                                     "burst": 100000}
        site.zone += (f"ns-{slave} IN A {addresses[0]}\n        IN AAAA {addresses[1]}\n"
                      f"{slave}.beacon IN NS ns-{slave}\n")
    for config in site.masters.values():
        config["slave"] = [{"name": slave, "nameserver": f"ns-{slave}.example.test",
                            "beacon_zone": f"{slave}.beacon.example.test"} for slave in slaves]


def delegate(site, slaves, name, mode):
    """One more service, NAME, whose zone NAME.example.test is delegated; what stands below it in the file is for
    when it is not."""
    service = site._service(name, slaves, "25ms")
    site.services.append(service | {"mode": mode, "zone": f"{name}.example.test"})
    site.zone += "".join(f"{name} IN NS ns-{slave}\n" for slave in slaves)
    site.zone += f"*.{name} IN A 192.0.2.1\n"


def start_bind(site, host):
    """A named that resolves on 127.0.0.1 of a host, and asks the masters for example.test."""
    directory = site.directory / f"{host}-named"
    directory.mkdir()
    servers = " ".join(f"{site.lab.address(m, family)};" for m in site.masters for family in (4, 6))
    config = directory / "named.conf"
    config.write_text(f"""options {{
  directory "{directory}"; pid-file "{directory}/named.pid"; session-keyfile "{directory}/session.key";
  listen-on port 53 {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  recursion yes; dnssec-validation no; empty-zones-enable no;
}};
controls {{ }};
zone "example.test" {{ type static-stub; server-addresses {{ {servers} }}; }};
""")
    named = site.lab.start(host, f"{host}-named", ["named", "-g", "-n", "1", "-c", config])
    named.wait_for("running")
    return named
