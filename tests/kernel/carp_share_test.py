# SPDX-License-Identifier: GPL-2.0-or-later
"""The carp device shared by four nodes, with real TCP."""
import os
import random
import socket
import struct
import time
import unittest

from carp_lab import Lab, wait_for

BUCKETS, SEED, VHID, SKEW = 4096, 0x12345678, 20, 13
VMAC = f"00:00:5e:00:01:{VHID:02x}"
SHARED = "10.9.0.100"
MASK = 0xFFFFFFFF


def jhash_3words(a, b, c, initval):
    def rol(x, k):
        return ((x << k) | (x >> (32 - k))) & MASK

    initval = (initval + 0xDEADBEEF + 12) & MASK
    a, b, c = (a + initval) & MASK, (b + initval) & MASK, (c + initval) & MASK
    c = ((c ^ b) - rol(b, 14)) & MASK
    a = ((a ^ c) - rol(c, 11)) & MASK
    b = ((b ^ a) - rol(a, 25)) & MASK
    c = ((c ^ b) - rol(b, 16)) & MASK
    a = ((a ^ c) - rol(c, 4)) & MASK
    b = ((b ^ a) - rol(a, 14)) & MASK
    return ((c ^ b) - rol(b, 24)) & MASK


def bucket(client, port, dport=80, proto=6):
    """What the kernel must find for a packet from here: written anew, as an oracle."""
    address = [struct.unpack("!I", socket.inet_aton(a))[0] for a in (client, SHARED)]
    return jhash_3words(*address, port << 16 | dport, SEED ^ proto) >> 20


class Sharing(unittest.TestCase):
    NAMES = "abcd"

    def setUp(self):
        self.lab = Lab(*self.NAMES, "client")
        self.addCleanup(self.lab.close)
        self.flock = [self.lab[n] for n in self.NAMES]
        self.client = self.lab["client"]
        self.epoch = 0
        self.table = b""
        for node in self.flock:
            self.lab.pids.append(node.serve())
            node.carp_up("vhid", VHID, "advbase", 0, "advskew", SKEW, "key", "sesame",
                         "node", node.number, "seed", SEED)
        for node in self.flock:
            wait_for("it hears the others",
                     lambda: sum(p["live"] for p in node.shown()["peers"]) == 3, 10)
        self.share((1, 1, 1, 1))

    def tearDown(self):
        self.assertNotIn(VMAC, self.lab.sources, "a switch would learn the virtual address")
        twice = {k: v for k, v in self.lab.syn_acks.items() if len(v) > 1}
        self.assertFalse(twice, "a SYN was answered by two nodes")

    def share(self, weights, nodes=None):
        """A table with these shares, given to nodes (all of the flock)."""
        shuffle = random.Random(self.epoch)
        first = [i + 1 for i, w in enumerate(weights) for _ in range(w * BUCKETS // sum(weights))]
        first += [1] * (BUCKETS - len(first))
        random.Random(7).shuffle(first)
        rows = []
        for owner in first:
            rest = [n.number for n in self.flock if n.number != owner]
            shuffle.shuffle(rest)
            rows.append(bytes([owner, *rest]))
        self.table = b"".join(rows)
        self.epoch += 1
        with open("/tmp/table", "wb") as file:
            file.write(self.table)
        for node in nodes or self.flock:
            node.carp("table", self.epoch, "/tmp/table")
        if nodes is None:
            self.settle(self.flock)

    def settle(self, nodes):
        def all_open():
            shown = [n.shown() for n in nodes]
            return (sum(s["opened"] for s in shown) == BUCKETS and
                    sum(s["owned"] for s in shown) == BUCKETS)

        return wait_for("every bucket is open at one node", all_open, 10)

    def owner(self, sock):
        return self.table[bucket("10.9.0.5", sock.getsockname()[1]) * 4]

    def many(self, count):
        """Connections, each checked against the oracle; (socket, name of its node)."""
        flows = []
        for _ in range(count):
            sock, who = self.client.connect(seconds=10)
            self.assertEqual(self.lab[who].number, self.owner(sock))
            flows.append((sock, who))
        return flows

    def lost(self, flows):
        """Of the flows, those that no longer echo, as (socket, name)."""
        for sock, _ in flows:
            try:
                sock.settimeout(3)
                sock.send(b"still there?")
            except OSError:
                pass
        lost = []
        for sock, who in flows:
            try:
                if sock.recv(64) != b"still there?":
                    lost.append((sock, who))
            except OSError:
                lost.append((sock, who))
        return lost

    def test_each_flow_has_one_node(self):
        flows = self.many(60)
        self.assertEqual({who for _, who in flows}, set(self.NAMES))
        self.assertFalse(self.lost(flows))
        for node in self.flock:
            self.assertGreater(node.counter("rx_not_mine"), 0)
        # One node, and only one, answers a ping and a question by ARP.
        said = self.client.exec("ping", "-c", "5", "-i", "0.2", SHARED)
        self.assertIn("5 received", said)
        self.assertNotIn("DUP", said)

    def test_ipv6(self):
        for _ in range(10):
            sock, who = self.client.connect("fd00:9::100", seconds=10)
            self.assertFalse(self.lost([(sock, who)]))
        said = self.client.exec("ping", "-c", "5", "-i", "0.2", "fd00:9::100")
        self.assertIn("5 received", said)
        self.assertNotIn("DUP", said)

    def test_no_connection_is_lost_by_changed_shares(self):
        flows = self.many(100)
        for weights in (4, 2, 1, 1), (1, 1, 1, 5), (0, 1, 1, 1), (1, 1, 1, 1):
            self.share(weights)
            self.assertFalse(self.lost(flows), weights)
            flows += self.many(10)
        self.assertGreater(sum(n.counter("rx_pinned") for n in self.flock), 0)
        print(f"share changes: 0 of {len(flows)} connections lost")

    def test_a_dead_node_takes_only_its_own_flows(self):
        flows = self.many(100)
        dead = self.flock[1]
        self.lab.unplug(dead)
        others = [n for n in self.flock if n is not dead]
        took = self.settle(others)
        print(f"a dead node's buckets are served again after {took * 1000:.0f} ms (due: 165)")
        lost = self.lost(flows)
        self.assertEqual({id(s) for s, _ in lost}, {id(s) for s, w in flows if w == dead.name})
        for _ in range(20):
            self.assertNotEqual(self.client.connect(seconds=10)[1], dead.name)
        # It comes back: what is at others stays there.
        flows = [f for f in flows if f[1] != dead.name]
        self.lab.plug(dead)
        self.settle(self.flock)
        self.assertFalse(self.lost(flows))

    def test_a_split_segment_heals(self):
        flows = self.many(40)
        self.lab.split(*self.flock[2:])
        self.settle(self.flock[:2])
        self.settle(self.flock[2:])
        self.lab.heal(*self.flock[2:])
        for _ in range(40):
            try:
                self.client.connect(seconds=3)
            except AssertionError:
                pass
        self.settle(self.flock)
        self.assertFalse(self.lost([f for f in flows if f[1] in "ab"]))

    def test_a_node_whose_agent_is_frozen(self):
        flows = self.many(60)
        self.share((4, 2, 1, 1), nodes=self.flock[1:])
        self.settle(self.flock)
        self.assertFalse(self.lost(flows))
        self.lab.unplug(self.flock[3])
        self.settle(self.flock[:3])
        self.assertFalse(self.lost([f for f in flows if f[1] != "d"]))

    def test_fragments_and_udp(self):
        # Each node echoes; answers come back whole from one of them.
        for node in self.flock:
            def echo():
                server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                server.bind((SHARED, 53))
                while True:
                    data, client = server.recvfrom(65536)
                    server.sendto(str(len(data)).encode(), client)

            self.lab.pids.append(node.fork(echo))
        time.sleep(0.5)
        answers = os.pipe()

        def ask():
            for _ in range(20):
                sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                sock.settimeout(3)
                sock.sendto(bytes(5000), (SHARED, 53))
                assert sock.recv(64) == b"5000"
                sock.settimeout(0.05)
                try:
                    sock.recv(64)
                    raise AssertionError("two nodes answered")
                except TimeoutError:
                    pass
            os.write(answers[1], b"ok")

        self.assertEqual(os.waitpid(self.client.fork(ask), 0)[1], 0)
        self.assertEqual(os.read(answers[0], 2), b"ok")

    def test_strict(self):
        a, b = self.flock[:2]
        a.carp("set", "strict", 1)
        wait_for("nobody is expected", lambda: a.counter("rx_unbound") > 5, 5)
        a.carp("expect", *(f"{i}/0/{SKEW}/0" for i in (2, 3, 4)))
        self.settle(self.flock)
        b.carp("set", "advskew", 5)
        wait_for("b is given up", lambda: sum(p["live"] for p in a.shown()["peers"]) == 2, 5)

    def test_refusals(self):
        a = self.flock[0]

        def refused(reason, *words):
            self.assertIn(reason, a.link(*words, check=False))

        refused("epoch is not higher", "table", "carp0", self.epoch, "/tmp/table")
        with open("/tmp/short", "wb") as file:
            file.write(self.table[:-1])
        refused("1 to 8 times 4096", "table", "carp0", 9, "/tmp/short")
        with open("/tmp/wrong", "wb") as file:
            file.write(b"\x41" + self.table[1:])
        refused("an id is above 64", "table", "carp0", 9, "/tmp/wrong")
        refused("come together", "set", "carp0", "epoch", 9)
        refused("cannot change", "set", "carp0", "node", 2)
        refused("needs id", "expect", "carp0", "2/0")
        refused("more than 255", "add", "carp1", "link", "eth0", "vhid", 250, "node", 6)
        a.link("add", "carp1", "link", "eth0", "vhid", 5)
        refused("made with a node id", "set", "carp1", "strict", 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
