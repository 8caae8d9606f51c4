#!/usr/bin/env python3
"""What a scrape costs messages: their latency while /connz of many connections is read in a loop, and without.

    benches/scrape.py SERVER [CONNECTIONS] [ROUNDS]

Starts SERVER (10,000 connections unless told otherwise), sends one message every half millisecond from one
connection to another, and prints the median and the 99th percentile of each round of four seconds, one with scraping
and one without in turn, and of all of them together. The scraper asks for the whole page again as soon as it has it.
"""

import http.client
import multiprocessing
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import time

ROUND, PAUSE = 4.0, 0.0005


def connect(port, name):
    stream = socket.create_connection(("127.0.0.1", port))
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream.sendall(b'CONNECT {"verbose":false,"name":"%s"}\r\n' % name.encode())
    return stream


def barrier(stream):
    stream.sendall(b"PING\r\n")
    seen = b""
    while b"PONG\r\n" not in seen:
        seen += stream.recv(65536)


def scrape(port, wanted, scraped):
    """Reads the page as long as it is wanted; gives way to everybody, as if on a machine of its own."""
    os.nice(19)
    while True:
        wanted.wait()
        visitor = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        visitor.request("GET", "/connz?limit=100000&subs=1")
        visitor.getresponse().read()
        visitor.close()
        with scraped.get_lock():
            scraped.value += 1


def measure(publisher, reader):
    """How long each message of one round took, in microseconds."""
    took, end = [], time.perf_counter() + ROUND
    while (start := time.perf_counter()) < end:
        publisher.sendall(b"PUB bench 4\r\nping\r\n")
        seen = b""
        while not seen.endswith(b"ping\r\n"):
            seen += reader.recv(4096)
        took.append((time.perf_counter() - start) * 1e6)
        time.sleep(PAUSE)
    return took


def show(label, took):
    cuts = statistics.quantiles(took, n=100)
    print(f"{label:24} {len(took):6} messages   half {cuts[49]:7.0f} us   99 % {cuts[98]:7.0f} us", flush=True)
    return cuts[98]


def main():
    program = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    server = subprocess.Popen([program, "-a", "127.0.0.1", "-p", "-1", "-m", "-1"], stderr=subprocess.PIPE, text=True)
    said = ""
    while "Server is ready" not in said:
        said += server.stderr.readline()
    port = int(re.search(r"client connections on \S+:(\d+)", said)[1])
    monitor = int(re.search(r"monitor on \S+:(\d+)", said)[1])
    crowd = [connect(port, f"node-{number}") for number in range(count)]
    for stream in crowd:
        stream.sendall(b"SUB some.subject 1\r\n")
    barrier(crowd[-1])
    publisher, reader = connect(port, "publisher"), connect(port, "reader")
    reader.sendall(b"SUB bench 1\r\n")
    barrier(reader)
    barrier(publisher)
    wanted, scraped = multiprocessing.Event(), multiprocessing.Value("i", 0)
    scraper = multiprocessing.Process(target=scrape, args=(monitor, wanted, scraped), daemon=True)
    scraper.start()
    quiet, busy = [], []
    for number in range(rounds):
        took = measure(publisher, reader)
        show(f"round {number + 1}, without", took)
        quiet += took
        wanted.set()
        took = measure(publisher, reader)
        wanted.clear()
        show(f"round {number + 1}, scraping", took)
        busy += took
    without, scraping = show("all, without", quiet), show("all, scraping", busy)
    print(f"{scraped.value} pages of {count} connections; 99 % with scraping: {scraping / without:.2f} of without")
    scraper.kill()
    server.kill()


if __name__ == "__main__":
    main()
