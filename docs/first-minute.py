#!/usr/bin/env python3
"""Records README's first minute: a real server, two people at real terminals with `nc`.

In: the server's program. Out: docs/first-minute.svg, and the screens as text. With --check nothing
is written: it fails if the picture shows anything else than what is on the screens today.

    docs/first-minute.py target/release/dunlin-server [--check]
"""

import html
import os
import pathlib
import pty
import re
import select
import socket
import subprocess
import sys
import time

PICTURE = pathlib.Path(__file__).with_name("first-minute.svg")
COLUMNS = 66
PATIENCE = 15  # Seconds that an answer may take.

# Who types what, and what must be on the screen before the next line is typed.
SESSION = [
    ("joe", "SUB greet.* 1", "+OK"),
    ("ann", "PUBB greet.joe hello", "did you mean PUB?"),
    ("ann", "PUB greet.joe hello", 'PUB greet.joe "hello"'),
    ("ann", "PUB greet.joe 4\rhello", 'PUB greet.joe "hello"'),
    ("ann", 'PUB greet.joe "hello"', "+OK"),
    ("joe", "", "MSG greet.joe 1 5\nhello"),
    ("joe", "VIEW on", "+OK"),
    ("ann", 'HPUB greet.joe "Lang: en" "hello again"', "+OK"),
    ("joe", "", "| hello again"),
]


class Terminal:
    """One person's screen."""

    def __init__(self, port):
        self.keys, line = pty.openpty()
        command = ["nc", "localhost", str(port)]
        self.shown = f"$ {' '.join(command)}\n"
        self.child = subprocess.Popen(command, stdin=line, stdout=line, stderr=line)
        os.close(line)
        self.sees("}")

    def types(self, keys):
        os.write(self.keys, (keys + "\r").encode())

    def sees(self, text):
        start, until = len(self.shown), time.monotonic() + PATIENCE
        while text not in self.shown[start:]:
            ready, _, _ = select.select([self.keys], [], [], until - time.monotonic())
            if not ready:
                sys.exit(f"not seen: {text}\non the screen:\n{self.shown}")
            more = os.read(self.keys, 4096).decode()
            self.shown += more.replace("\r", "")
        self.rest()

    def rest(self):
        """What else comes at once."""
        while select.select([self.keys], [], [], 0.2)[0]:
            self.shown += os.read(self.keys, 4096).decode().replace("\r", "")


def free_port():
    """4222, as in the README, or what is free."""
    for wanted in (4222, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wanted))
                return probe.getsockname()[1]
            except OSError:
                continue
    sys.exit("no port is free")


def record(program):
    """Types the session; tells the lines of both screens in the order in which they came."""
    port = free_port()
    server = subprocess.Popen([program, "-p", str(port)], stderr=subprocess.DEVNULL)
    people = {}
    try:
        for _ in range(PATIENCE * 20):
            if socket.socket().connect_ex(("127.0.0.1", port)) == 0:
                break
            time.sleep(0.05)
        people = {name: Terminal(port) for name in ("joe", "ann")}
        lines, done = [], {name: 0 for name in people}
        for name, keys, expected in SESSION:
            person = people[name]
            if keys:
                person.types(keys)
            if expected not in person.shown[done[name] :]:  # It may have come already.
                person.sees(expected)
            for other, terminal in people.items():
                new = terminal.shown[done[other] :].split("\n")[:-1]
                done[other] += sum(len(line) + 1 for line in new)
                lines += [(other, line.replace(str(port), "4222")) for line in new]
        return lines
    finally:
        for terminal in people.values():
            terminal.child.kill()
            terminal.child.wait()
        server.terminate()
        server.wait()


def shown(line):
    """A line as far as it fits."""
    return line if len(line) <= COLUMNS else line[: COLUMNS - 1] + "…"


def draw(lines):
    """Two screens below each other; each line appears at its time."""
    height, margin, width = 17, 14, COLUMNS * 8 + 28
    panes, times, now = {"joe": [], "ann": []}, {}, 0.0
    for name, line in lines:
        now += 0.9 if re.match(r"[A-Z]{3,4} .*[^}]$", line) and "MSG" not in line else 0.25
        times[(name, len(panes[name]))] = now
        panes[name].append(line)
    parts, top = [], 10
    for name, title in (("joe", "one terminal"), ("ann", "another")):
        tall = len(panes[name]) * height + 2 * margin + 8
        parts.append(f'<rect x="6" y="{top}" width="{width - 12}" height="{tall}" rx="8"/>')
        parts.append(f'<text class="title" x="{width - 20}" y="{top + 18}">{title}</text>')
        for at, line in enumerate(panes[name]):
            y = top + margin + 14 + at * height
            kind = "help" if line.startswith("  ") else "error" if line.startswith("-ERR") else "line"
            delay = f"animation-delay:{times[(name, at)]:.2f}s"
            text = html.escape(shown(line), quote=False)
            parts.append(
                f'<text class="{kind}" xml:space="preserve" x="20" y="{y}" style="{delay}">{text}</text>'
            )
        top += tall + 10
    style = """
rect { fill: #16202a } text { font: 13px ui-monospace, Menlo, Consolas, monospace; fill: #dbe4ec;
opacity: 0; animation: appear .01s forwards } .title { fill: #6b7f92; text-anchor: end; opacity: 1;
animation: none } .help { fill: #9fd8a4 } .error { fill: #f2a48f }
@keyframes appear { to { opacity: 1 } }
@media (prefers-reduced-motion: reduce) { text { animation: none; opacity: 1 } }"""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" width="{width}">'
    label = "<title>A first minute by hand: three mistakes and two messages</title>"
    return "\n".join([head, label, f"<style>{style}</style>", *parts, "</svg>", ""])


def steady(picture):
    """The picture without what differs each time: ids, the time of day, and when a line came."""
    texts = re.findall(r'y="\d+" style[^>]*>(.*?)</text>', picture)
    texts = [re.sub(r"INFO .*", "INFO", text) for text in texts]
    return [re.sub(r"\d\d:\d\d:\d\d\.\d\d\dZ", "TIME", text) for text in texts]


def main():
    program, *flags = sys.argv[1:]
    lines = record(program)
    for name, line in lines:
        print(f"{name}  {line}")
    picture = draw(lines)
    if "--check" not in flags:
        PICTURE.write_text(picture)
    elif steady(PICTURE.read_text()) != steady(picture):
        sys.exit(f"{PICTURE} shows another session; run {sys.argv[0]} {program}")


if __name__ == "__main__":
    main()
