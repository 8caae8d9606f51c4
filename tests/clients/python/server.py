"""A server under test: DUNLIN_SERVER_BIN on a free port, started, stopped and started again."""

import os
import signal
import socket
import subprocess
import time

# What a test may wait for anything. Far above what a healthy server needs, so that only a lost event reaches it.
DEADLINE = 30


class Server:
    def __init__(self, config=None):
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self.process = None
        self.config = config

    def start(self):
        """Returns when the server accepts connections."""
        command = [os.environ["DUNLIN_SERVER_BIN"], "-a", "127.0.0.1", "-p", str(self.port)]
        if self.config is not None:
            command += ["-c", str(self.config)]
        with open(os.environ.get("DUNLIN_SERVER_LOG", os.devnull), "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        give_up = time.monotonic() + DEADLINE
        while not accepts(self.port):
            assert self.process.poll() is None, f"the server ended with {self.process.returncode} before it listened"
            assert time.monotonic() < give_up, "the server does not accept connections"
            # A port that opens sends no event: ask again, a little later.
            time.sleep(0.01)

    def stop(self, how=signal.SIGTERM):
        """Returns when the process is gone."""
        self.process.send_signal(how)
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=DEADLINE).close()
    except ConnectionRefusedError:
        return False
    return True
