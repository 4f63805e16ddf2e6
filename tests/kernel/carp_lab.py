# SPDX-License-Identifier: GPL-2.0-or-later
"""Network namespaces on one bridge inside the kernel under test, and what is seen on the wire."""
import contextlib
import ctypes
import importlib.machinery
import importlib.util
import io
import os
import select
import signal
import socket
import struct
import subprocess
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CARP_LINK = os.path.join(HERE, "..", "..", "docs", "examples", "carp-link")
ETH_P_ALL = 3
_libc = ctypes.CDLL(None, use_errno=True)
_loader = importlib.machinery.SourceFileLoader("carp_link", CARP_LINK)
_carp_link = importlib.util.module_from_spec(importlib.util.spec_from_loader("carp_link", _loader))
_loader.exec_module(_carp_link)


def run(*command, check=True):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def wait_for(what, condition, seconds):
    """Seconds until condition(); fails when it does not come true in time."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > seconds:
            raise AssertionError(f"not in {seconds} s: {what}")
        time.sleep(0.005)
    return time.monotonic() - start


class Node:
    """A machine: a namespace with eth0, whose other end is a port of the lab's bridge."""

    def __init__(self, lab, name, number):
        self.name, self.number, self.port = name, number, "p-" + name
        self.children = []
        run("ip", "netns", "add", name)
        run("ip", "link", "add", self.port, "type", "veth", "peer", "name", "eth0", "netns", name)
        run("ip", "link", "set", self.port, "master", lab.bridge, "up")
        for key in "all", "default", "eth0":
            self.sysctl(f"net.ipv4.conf.{key}.rp_filter", 0)
        self.sysctl("net.ipv6.conf.eth0.accept_dad", 0)
        self.ip("link", "set", "lo", "up")
        self.ip("link", "set", "eth0", "up")
        self.ip("addr", "add", f"10.9.0.{number}/24", "dev", "eth0")
        self.ip("addr", "add", f"fd00:9::{number:x}/64", "dev", "eth0", "nodad")

    def enter(self):
        """Moves the calling thread here."""
        with open(f"/run/netns/{self.name}", encoding="ascii") as handle:
            if _libc.setns(handle.fileno(), 0x40000000):
                raise OSError(ctypes.get_errno(), "setns")

    def exec(self, *command, check=True):
        return run("ip", "netns", "exec", self.name, *command, check=check)

    def ip(self, *arguments):
        return run("ip", "-n", self.name, *arguments)

    def sysctl(self, key, value):
        self.exec("sysctl", "-qw", f"{key}={value}")

    def start(self, *command):
        child = subprocess.Popen(["ip", "netns", "exec", self.name, *command],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.children.append(child)
        return child

    def fork(self, function):
        """Runs function in a process of its own, in here."""
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                self.enter()
                function()
                code = 0
            finally:
                os._exit(code)
        return pid

    def inside(self, function):
        """What function returns or raises in a thread that has moved here."""
        box = {}

        def call():
            try:
                self.enter()
                box["value"] = function()
            except BaseException as error:  # pylint: disable=broad-except
                box["error"] = error

        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
        if "error" in box:
            raise box["error"]
        return box["value"]

    def link(self, *words, check=True):
        """carp-link, without the cost of a process: what it prints, or its reason to fail."""
        printed = io.StringIO()

        def call():
            with contextlib.redirect_stdout(printed):
                _carp_link.main([str(word) for word in words])

        try:
            self.inside(call)
        except (OSError, SystemExit) as error:
            reason = getattr(error, "strerror", None) or str(error)
            if check:
                raise AssertionError(f"carp-link {words}: {reason}") from None
            return reason
        return printed.getvalue()

    def carp(self, verb, *words, check=True):
        return self.link(verb, "carp0", *words, check=check)

    def carp_up(self, *words, addresses=("10.9.0.100/24", "fd00:9::100/64")):
        self.carp("add", "link", "eth0", *words)
        for address in addresses:
            self.ip("addr", "add", address, "dev", "carp0", *(["nodad"] if ":" in address else []))
        self.ip("link", "set", "carp0", "up")

    def shown(self):
        return self.inside(lambda: _carp_link.show("carp0"))

    def state(self):
        return self.shown()["state"]

    def counter(self, name):
        for line in self.exec("ethtool", "-S", "carp0").splitlines():
            key, _, value = line.strip().partition(": ")
            if key == name:
                return int(value)
        raise AssertionError(f"{self.name}: no counter {name}")

    def serve(self, port=80):
        """A server on all addresses that tells each client this node's name, then echoes."""
        ready, told = os.pipe()

        def serve():
            server = socket.create_server(("::", port), family=socket.AF_INET6, backlog=1024,
                                          dualstack_ipv6=True)
            os.write(told, b"1")
            clients = {}
            while True:
                for it in select.select([server, *clients], [], [])[0]:
                    if it is server:
                        client, _ = server.accept()
                        clients[client] = True
                        client.send(self.name.encode() + b"\n")
                        continue
                    try:
                        data = it.recv(65536)
                    except OSError:
                        data = b""
                    if data:
                        it.send(data)
                    else:
                        del clients[it]
                        it.close()

        pid = self.fork(serve)
        assert select.select([ready], [], [], 20)[0], f"{self.name}: the server does not start"
        return pid

    def connect(self, address="10.9.0.100", port=80, seconds=5):
        """A connection from here, and the name of the node that took it."""
        def connect():
            sock = socket.create_connection((address, port), timeout=seconds)
            return sock, sock.recv(64).decode().strip()

        try:
            return self.inside(connect)
        except OSError as error:
            raise AssertionError(f"connect to {address}: {error}") from None


class Lab:
    """A switch that learns, as switches do, and a tap on each of its ports."""

    def __init__(self, *names):
        self.bridge = "br0"
        run("ip", "link", "add", self.bridge, "type", "bridge", "stp_state", "0",
            "forward_delay", "0", "mcast_snooping", "0")
        run("ip", "link", "set", self.bridge, "up")
        self.nodes = {name: Node(self, name, i + 1) for i, name in enumerate(names)}
        self.sources = {}   # hardware address: frames sent with it
        self.syn_acks = {}  # (client port, sequence number): ports of the switch that sent one
        self.pids = []
        self._stop = threading.Event()
        self._taps = []
        for node in self.nodes.values():
            tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            tap.bind((node.port, ETH_P_ALL))
            self._taps.append(tap)
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def __getitem__(self, name):
        return self.nodes[name]

    def _listen(self):
        while not self._stop.is_set():
            for tap in select.select(self._taps, [], [], 0.1)[0]:
                try:
                    frame, (port, _, kind, _, _) = tap.recvfrom(2048)
                except OSError:
                    continue
                if kind != socket.PACKET_OUTGOING:
                    self._saw(port, frame)

    def _saw(self, port, frame):
        source = frame[6:12].hex(":")
        self.sources[source] = self.sources.get(source, 0) + 1
        kind = frame[12:14]
        if kind == b"\x08\x00" and frame[23] == 6:
            tcp = 14 + (frame[14] & 15) * 4
        elif kind == b"\x86\xdd" and frame[20] == 6:
            tcp = 54
        else:
            return
        if frame[tcp + 13] & 0x12 == 0x12:
            (client,) = struct.unpack_from("!H", frame, tcp + 2)
            (ack,) = struct.unpack_from("!I", frame, tcp + 8)
            self.syn_acks.setdefault((client, ack), set()).add(port)

    def unplug(self, node):
        run("ip", "link", "set", node.port, "down")

    def plug(self, node):
        run("ip", "link", "set", node.port, "up")

    def split(self, *nodes):
        """The segment breaks: these are on another one from now on, each with its cable in."""
        run("ip", "link", "add", "br1", "type", "bridge", "stp_state", "0", "forward_delay", "0",
            "mcast_snooping", "0")
        run("ip", "link", "set", "br1", "up")
        for node in nodes:
            run("ip", "link", "set", node.port, "master", "br1")

    def heal(self, *nodes):
        for node in nodes:
            run("ip", "link", "set", node.port, "master", self.bridge)
        run("ip", "link", "del", "br1")

    def close(self):
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        for node in self.nodes.values():
            for child in node.children:
                child.kill()
                child.wait()
        self._stop.set()
        self._thread.join()
        for tap in self._taps:
            tap.close()
        for node in self.nodes.values():
            run("ip", "netns", "del", node.name)
        run("ip", "link", "del", self.bridge)
