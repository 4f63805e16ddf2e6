# SPDX-License-Identifier: GPL-2.0-or-later
"""The carp device as a pair of machines with one address, and beside a real ucarp."""
import os
import socket
import shutil
import struct
import unittest

from carp_lab import Lab, wait_for

VMAC = "00:00:5e:00:01:07"
KEY = ("key", "sesame")


class Pair(unittest.TestCase):
    """Two nodes that both have 10.9.0.100, and a client."""

    def setUp(self):
        self.lab = Lab("a", "b", "client")
        self.addCleanup(self.lab.close)
        self.a, self.b, self.client = (self.lab[n] for n in ("a", "b", "client"))
        for node in self.a, self.b:
            self.lab.pids.append(node.serve())

    def tearDown(self):
        self.assertGreater(sum(self.lab.sources.values()), 0, "the taps heard nothing")
        self.assertNotIn(VMAC, self.lab.sources, "a switch would learn the virtual address")

    def up(self, **more):
        self.a.carp_up("vhid", 7, "advbase", 0, "advskew", 10, *KEY, *more.get("a", ()))
        wait_for("a is master", lambda: self.a.state() == "master", 5)
        self.b.carp_up("vhid", 7, "advbase", 0, "advskew", 20, *KEY, *more.get("b", ()))

    def test_one_of_two_answers_and_the_other_takes_over(self):
        self.up()
        for address in "10.9.0.100", "fd00:9::100":
            _, who = self.client.connect(address)
            self.assertEqual(who, "a")
        self.assertEqual(self.b.state(), "backup")
        self.assertGreater(self.b.counter("rx_adverts"), 0)
        self.assertGreater(self.b.counter("rx_not_mine"), 0)

        self.lab.unplug(self.a)
        took = wait_for("b is master", lambda: self.b.state() == "master", 5)
        print(f"takeover by a master's death at advskew 20: {took * 1000:.0f} ms (due: 234)")
        self.assertEqual(self.a.state(), "init")
        for address in "10.9.0.100", "fd00:9::100":
            _, who = self.client.connect(address)
            self.assertEqual(who, "b")

        # The better one comes back but does not preempt.
        self.lab.plug(self.a)
        wait_for("a is backup", lambda: self.a.state() == "backup", 5)
        _, who = self.client.connect()
        self.assertEqual(who, "b")
        self.a.carp("set", "preempt", 1)
        wait_for("a preempts", lambda: self.a.state() == "master", 5)
        wait_for("b gives way", lambda: self.b.state() == "backup", 5)
        _, who = self.client.connect()
        self.assertEqual(who, "a")

    def test_set_down_and_demoted(self):
        self.up()
        self.a.carp("set", "demote", 2)
        wait_for("b takes over from the demoted", lambda: self.b.state() == "master", 5)
        wait_for("a gives way", lambda: self.a.state() == "backup", 5)
        self.a.carp("set", "demote", 0)
        wait_for("a takes over again",
                 lambda: self.a.carp("set", "preempt", 1) == "" and self.a.state() == "master", 5)
        # Long intervals: only the bow-out can be as quick as this.
        for node, skew in (self.b, 9), (self.a, 0):
            node.carp("set", "advbase", 20, "advskew", skew)
        wait_for("b is backup", lambda: self.b.state() == "backup", 5)
        self.a.ip("link", "set", "carp0", "down")
        wait_for("b takes over at once", lambda: self.b.state() == "master", 2)

    def test_who_has_another_key_or_address_is_ignored(self):
        self.up()
        self.b.ip("link", "del", "carp0")
        self.b.carp_up("vhid", 7, "advbase", 0, "advskew", 20, "key", "wrong")
        wait_for("a counts what it cannot verify",
                 lambda: self.a.counter("rx_bad_auth") > 10, 5)
        self.assertEqual(self.a.state(), "master")
        before = self.a.counter("rx_bad_auth")
        self.b.carp("set", *KEY)
        self.b.ip("addr", "add", "10.9.0.101/24", "dev", "carp0")
        wait_for("a counts other addresses",
                 lambda: self.a.counter("rx_bad_auth") > before + 10, 5)
        self.assertEqual(self.a.state(), "master")
        self.assertEqual(self.a.counter("transitions"), 2)

    def test_a_node_asks_for_its_neighbours_without_giving_its_hardware_address(self):
        self.up()
        self.client.connect()
        seen = self.client.exec("ip", "neigh", "show", "10.9.0.100")
        self.assertIn(VMAC, seen)
        # The parent routes for the address: as a reply of a service on it would be.
        self.a.ip("addr", "del", "10.9.0.100/24", "dev", "carp0")
        self.a.ip("addr", "add", "10.9.0.100/32", "dev", "carp0")
        self.a.ip("neigh", "flush", "all")
        self.a.exec("ping", "-c1", "-W3", "-I", "10.9.0.100", "10.9.0.3")
        self.assertGreater(self.a.counter("tx_arp_rewritten"), 0)
        self.assertIn(VMAC, self.client.exec("ip", "neigh", "show", "10.9.0.100"))

    def test_on_a_vlan(self):
        for node in self.a, self.b, self.client:
            node.ip("link", "add", "link", "eth0", "name", "eth0.5", "type", "vlan", "id", "5")
            node.ip("link", "set", "eth0.5", "up")
        self.client.ip("addr", "add", "10.8.0.3/24", "dev", "eth0.5")
        for node, skew in (self.a, 10), (self.b, 20):
            node.ip("addr", "add", f"10.8.0.{node.number}/24", "dev", "eth0.5")
            node.carp("add", "link", "eth0.5", "vhid", 7, "advbase", 0, "advskew", skew,
                      "preempt", 1, *KEY)
            node.ip("addr", "add", "10.8.0.100/24", "dev", "carp0")
            node.ip("link", "set", "carp0", "up")
        wait_for("a is master", lambda: self.a.state() == "master", 5)
        wait_for("b is backup", lambda: self.b.state() == "backup", 5)
        _, who = self.client.connect("10.8.0.100")
        self.assertEqual(who, "a")

    def test_every_refusal_says_why(self):
        def refused(reason, *words, verb="add"):
            said = self.a.carp(verb, *words, check=False)
            self.assertIn(reason, said, words)

        refused("vhid is required", "link", "eth0")
        refused("no Ethernet device", "link", "lo", "vhid", 7)
        refused("advbase 0 needs", "link", "eth0", "vhid", 7, "advbase", 0)
        refused("out of range", "link", "eth0", "vhid", 0)
        refused("out of range", "link", "eth0", "vhid", 7, "key", "x" * 21)
        refused("read only", "link", "eth0", "vhid", 7, "state", 1)
        self.a.carp("add", "link", "eth0", "vhid", 7)
        said = self.a.link("add", "carp1", "link", "eth0", "vhid", 7, check=False)
        self.assertIn("has a carp device of this vhid", said)
        refused("vhid cannot change", "vhid", 8, verb="set")
        self.assertEqual(self.a.shown()["vhid"], 7)
        self.assertNotIn("key", self.a.shown())
        self.a.ip("link", "add", "br1", "type", "bridge")
        self.a.exec("ip", "link", "set", "eth0", "master", "br1", check=False)
        self.assertNotIn("master", self.a.ip("link", "show", "eth0"))
        self.a.ip("link", "del", "carp0")
        self.a.ip("link", "set", "eth0", "master", "br1")
        refused("bridge or bond", "link", "eth0", "vhid", 7)

    def test_the_parent_may_go_first(self):
        self.up()
        self.a.ip("link", "del", "eth0")
        self.assertNotIn("carp0", self.a.ip("link"))

    def test_noise_on_the_wire(self):
        self.up()
        head = bytes.fromhex("01005e000012020000000009") + b"\x08\x00"
        sent = 0

        def noise():
            wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            wire.bind(("eth0", 0))
            for i in range(3000):
                packet = bytearray(struct.pack("!BBHHHBBHII", 0x45, 0, 56, 0, 0, 255, 112, 0,
                                               0x0A090003, 0xE0000012))
                total = sum(struct.unpack("!10H", packet))
                total = (total & 0xFFFF) + (total >> 16)
                struct.pack_into("!H", packet, 10, ~total & 0xFFFF)
                wire.send(head + bytes(packet) + os.urandom(36)[: i % 37])
                wire.send(os.urandom(12) + head[12:] + os.urandom(i % 200))
                wire.send(head[:12] + b"\x08\x06" + os.urandom(i % 40))
                wire.send(head[:12] + b"\x86\xdd" + os.urandom(i % 90))

        pid = self.client.fork(noise)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        for counter in "rx_bad_length", "rx_bad_version":
            sent += self.a.counter(counter)
        self.assertGreater(sent, 2000)
        self.assertEqual(self.a.state(), "master")
        self.assertEqual(self.a.counter("transitions"), 2)
        _, who = self.client.connect()
        self.assertEqual(who, "a")


@unittest.skipUnless(shutil.which("ucarp"), "ucarp is not installed")
class Ucarp(unittest.TestCase):
    """b is a real ucarp; its scripts bring the address up and down as Debian's do."""

    def setUp(self):
        self.lab = Lab("a", "b", "client")
        self.addCleanup(self.lab.close)
        self.a, self.b, self.client = (self.lab[n] for n in ("a", "b", "client"))
        for node in self.a, self.b:
            self.lab.pids.append(node.serve())
        for name, verb in ("up", "add"), ("down", "del"):
            with open(f"/tmp/{name}", "w", encoding="ascii") as script:
                script.write(f"#!/bin/sh\nip addr {verb} 10.9.0.100/24 dev eth0\n")
            os.chmod(f"/tmp/{name}", 0o755)

    def ucarp(self, skew):
        return self.b.start("ucarp", "-i", "eth0", "-s", "10.9.0.2", "-v", "7", "-p", "sesame",
                            "-a", "10.9.0.100", "-k", str(skew), "-b", "1", "-u", "/tmp/up",
                            "-d", "/tmp/down")

    def is_at_b(self):
        return "10.9.0.100" in self.b.ip("addr", "show", "dev", "eth0")

    def test_ucarp_is_master_until_it_dies(self):
        ucarp = self.ucarp(0)
        wait_for("ucarp is master", self.is_at_b, 15)
        self.a.carp_up("vhid", 7, "advbase", 1, "advskew", 50, *KEY, addresses=["10.9.0.100/24"])
        wait_for("its advertisements verify", lambda: self.a.counter("rx_adverts") >= 3, 10)
        self.assertEqual(self.a.counter("rx_bad_auth"), 0)
        self.assertEqual(self.a.state(), "backup")
        self.assertEqual(self.client.connect()[1], "b")
        ucarp.kill()
        ucarp.wait()
        self.b.ip("addr", "del", "10.9.0.100/24", "dev", "eth0")
        took = wait_for("the kernel takes over", lambda: self.a.state() == "master", 10)
        print(f"takeover from ucarp: {took:.1f} s (due: 3.2 after its last advertisement)")
        self.assertEqual(self.client.connect()[1], "a")

    def test_ucarp_is_backup_and_takes_over(self):
        self.a.carp_up("vhid", 7, "advbase", 1, "advskew", 0, *KEY, addresses=["10.9.0.100/24"])
        wait_for("the kernel is master", lambda: self.a.state() == "master", 10)
        self.ucarp(100)
        # It would be master after 3 s if it could not verify what it hears.
        with self.assertRaises(AssertionError):
            wait_for("ucarp is master", self.is_at_b, 6)
        self.assertEqual(self.client.connect()[1], "a")
        self.a.ip("link", "set", "carp0", "down")
        wait_for("ucarp takes over", self.is_at_b, 10)
        self.assertEqual(self.client.connect()[1], "b")


if __name__ == "__main__":
    unittest.main(verbosity=2)
