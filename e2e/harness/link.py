#!/usr/bin/env python3
"""A link between two network namespaces with delay, loss and a bottleneck, in user space: not every kernel has netem.

usage: link.py PID_A PID_B        processes that live in the namespaces; 10.96.7.1 is the address in A, 10.96.7.2 that in B

Reads lines like `rate=500 loss=10 delay=40 queue=200` (kbit/s, percent each way, ms each way, ms) from its standard input, each of them
holds from then on; ends with its input. `rate=0` is no bottleneck. Prints `ready` when packets can pass, and what passed at the end.
"""
import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
LATE_S = 0.02
LIBC = ctypes.CDLL(None, use_errno=True)


def enter(path):
    fd = os.open(path, os.O_RDONLY)
    if LIBC.setns(fd, 0):
        raise OSError(ctypes.get_errno(), f"setns {path}")
    os.close(fd)


def tun(pid, address, peer):
    """A TUN device in the namespace of a process."""
    enter(f"/proc/{pid}/ns/net")
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH", b"link0", IFF_TUN | IFF_NO_PI))
    for command in (
        "ip link set lo up",
        f"ip addr add {address} peer {peer} dev link0",
        "ip link set link0 up mtu 1500",
        f"ip route replace default via {peer} dev link0",
    ):
        subprocess.run(command.split(), check=True)
    return fd


class Link:
    def __init__(self, a, b):
        self.other = {a: b, b: a}
        self.busy_until = {a: 0.0, b: 0.0}
        self.under_way = []
        self.knobs = {"rate": 0.0, "loss": 0.0, "delay": 0.0, "queue": 200.0}
        # `late`: handed over more than LATE_S after their time, because this program did not get the processor.
        self.counts = {"passed": 0, "lost": 0, "full": 0, "late": 0, "latest_ms": 0}
        self.random = random.Random(1)

    def take(self, fd, now):
        while True:
            try:
                packet = os.read(fd, 65535)
            except BlockingIOError:
                return
            self.send(fd, packet, now)

    def send(self, fd, packet, now):
        if packet[0] >> 4 != 4:
            return
        # The queue stands before the way on which packets are lost.
        leaves = now
        if self.knobs["rate"]:
            if self.busy_until[fd] - now > self.knobs["queue"] / 1e3:
                self.counts["full"] += 1
                return
            leaves = max(now, self.busy_until[fd]) + len(packet) * 8 / (self.knobs["rate"] * 1e3)
            self.busy_until[fd] = leaves
        if self.random.random() * 100 < self.knobs["loss"]:
            self.counts["lost"] += 1
            return
        arrives = leaves + self.knobs["delay"] / 1e3
        heapq.heappush(self.under_way, (arrives, self.counts["passed"], self.other[fd], packet))
        self.counts["passed"] += 1

    def deliver(self, now):
        while self.under_way and self.under_way[0][0] <= now:
            due, _, fd, packet = heapq.heappop(self.under_way)
            self.counts["late"] += now - due > LATE_S
            self.counts["latest_ms"] = max(self.counts["latest_ms"], round((now - due) * 1e3))
            try:
                os.write(fd, packet)
            except OSError:
                pass

    def wait(self, now):
        return max(0.0, self.under_way[0][0] - now) if self.under_way else 1.0


def go_first():
    """A link that waits for a processor is a link with jitter that nobody asked for."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, -19)
    except PermissionError:
        pass


def main():
    go_first()
    a = tun(sys.argv[1], "10.96.7.1", "10.96.7.2")
    b = tun(sys.argv[2], "10.96.7.2", "10.96.7.1")
    link = Link(a, b)
    print("ready", flush=True)
    while True:
        readable, _, _ = select.select([a, b, sys.stdin], [], [], link.wait(time.monotonic()))
        for fd in readable:
            if fd is not sys.stdin:
                link.take(fd, time.monotonic())
                continue
            line = sys.stdin.readline()
            if not line:
                print("link", link.counts, flush=True)
                return
            link.knobs.update((name, float(value)) for name, value in (word.split("=") for word in line.split()))
        link.deliver(time.monotonic())


main()
