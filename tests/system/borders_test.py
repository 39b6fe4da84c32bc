"""flagfall borders: what it prints for the sample, and that a kernel which is told so chooses the border by the
source address. The kernel is that of a network namespace of its own, which ends with its shell; where there is
no GRE, a veth takes the tunnel's place."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("FLAGFALL_BIN", ROOT / "build" / "release" / "bin"))
SAMPLE = ROOT / "configs" / "flagfall-master.toml"


def borders(*words):
    return subprocess.run([BIN / "flagfall", "borders", *[str(word) for word in words]], capture_output=True,
                          text=True, timeout=60, check=False)


def edited(folder, *changes):
    """The sample with some text replaced, as a file in the folder."""
    text = SAMPLE.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = pathlib.Path(folder) / "master.toml"
    path.write_text(text)
    return path


class Borders(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_the_sample_has_a_server_behind_a_tunnel_and_its_router(self):
        ran = borders("--config", SAMPLE)
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        self.assertIn("# on iad, at site iad\n", ran.stdout)
        self.assertIn("ip link add ffb1000 type gre local 198.51.100.7 remote 192.0.2.253\n", ran.stdout)
        self.assertIn("ip rule add from 192.0.2.21 lookup 1000 priority 1000\n", ran.stdout)
        self.assertIn("# on the router of border fra-transit, at site fra\n", ran.stdout)
        self.assertEqual(borders("--config", SAMPLE, "iad").stdout, ran.stdout)

    def test_what_is_missing_or_wrong_is_said_and_the_status_is_one(self):
        ran = borders("--config", edited(self.folder, ('    local = "198.51.100.7"', '    # local = ""')))
        self.assertEqual(ran.returncode, 1)
        self.assertEqual(ran.stderr, "flagfall borders: 'iad' has no `local` for border 'fra-transit', "
                                     "where its tunnel would begin\n")
        self.assertEqual(borders("--config", SAMPLE, "nobody").returncode, 1)
        self.assertEqual(borders("--config", SAMPLE, "fra").returncode, 1)  # it has no border
        ran = borders("--config", edited(self.folder, ('    border = "fra-transit"', '    border = "x"')))
        self.assertEqual(ran.returncode, 1)
        self.assertRegex(ran.stderr, r"master\.toml:\d+: service\.0\.slave\.1\.border\.0\.border: no border 'x'; "
                                     "there are: fra-transit")
        self.assertEqual(borders("--nonsense").returncode, 2)

    @unittest.skipUnless(os.geteuid() == 0, "makes a network namespace")
    def test_a_kernel_that_is_told_so_chooses_the_way_by_the_source(self):
        config = edited(self.folder, ('    border = "fra-transit"\n', '    border = "iad-transit"\n'),
                        ('longitude = -77.45\n', 'longitude = -77.45\n  [[site.border]]\n  name = "iad-transit"\n'
                         '  gateways = ["10.1.0.1", "2001:db8:1::1"]\n  table = 77\n'),
                        ('    answers = ["192.0.2.21"]\n', '    answers = ["192.0.2.21", "2001:db8:a::21"]\n'),
                        ('    local = "198.51.100.7"', '    [[service.slave.border]]\n    border = "fra-transit"\n'
                         '    answers = ["192.0.2.22"]\n    local = "198.51.100.7"'))
        ran = borders("--config", config, "iad")
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        server = ran.stdout.split("# on the router")[0]
        server = re.sub(r"ip link add (\S+) type gre .*", r"ip link add \1 type veth peer name far; ip link set far up",
                        server)
        script = f"""set -e
ip link set lo up
ip link add up0 type veth peer name up1; ip link set up0 up; ip link set up1 up
ip link add out0 type veth peer name out1; ip link set out0 up; ip link set out1 up
ip address add 10.0.0.2/24 dev up0; ip route add default via 10.0.0.1
ip address add 10.1.0.2/24 dev out0; ip address add 2001:db8:1::2/64 dev out0 nodad
{server}
for from in 10.0.0.2 192.0.2.21 192.0.2.22; do echo "$from $(ip route get 203.0.113.9 from $from)"; done
echo "v6 $(ip -6 route get 2001:db8:ffff::9 from 2001:db8:a::21)"
"""
        ran = subprocess.run(["unshare", "--net", "sh", "-c", script], capture_output=True, text=True, timeout=60,
                             check=False)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertRegex(ran.stdout, r"(?m)^10\.0\.0\.2 .* via 10\.0\.0\.1 dev up0 ")
        self.assertRegex(ran.stdout, r"(?m)^192\.0\.2\.21 .* via 10\.1\.0\.1 dev out0 table 77")
        self.assertRegex(ran.stdout, r"(?m)^192\.0\.2\.22 .* dev ffb1000 table 1000")
        self.assertRegex(ran.stdout, r"(?m)^v6 .* via 2001:db8:1::1 dev out0 table 77")


if __name__ == "__main__":
    unittest.main()
