// A server under test: DUNLIN_SERVER_BIN on a free port, started, stopped and started again.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { devNull, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

// What a test may wait for anything. Far above what a healthy server needs, so that only a lost event reaches it.
export const DEADLINE = 30_000;

export class Server {
  // With the text of a configuration file, if it needs one.
  static async start(config) {
    const server = new Server();
    server.config = config;
    server.port = await freePort();
    await server.start();
    return server;
  }

  get address() {
    return `127.0.0.1:${this.port}`;
  }

  // Resolves when the server accepts connections.
  async start() {
    const log = openSync(process.env.DUNLIN_SERVER_LOG ?? devNull, "a");
    const flags = ["-a", "127.0.0.1", "-p", `${this.port}`];
    if (this.config !== undefined) {
      const file = join(tmpdir(), `dunlin-${process.pid}-${this.port}.conf`);
      writeFileSync(file, this.config);
      flags.push("-c", file);
    }
    this.process = spawn(process.env.DUNLIN_SERVER_BIN, flags, { stdio: ["ignore", log, log] });
    closeSync(log);
    this.ended = once(this.process, "exit");
    const giveUp = Date.now() + DEADLINE;
    while (!(await accepts(this.port))) {
      if (this.process.exitCode !== null) throw new Error("the server ended before it listened");
      if (Date.now() > giveUp) throw new Error("the server does not accept connections");
      await pause(10); // A port that opens sends no event: ask again, a little later.
    }
  }

  // Resolves when the process is gone.
  async stop(signal = "SIGTERM") {
    this.process.kill(signal);
    try {
      await within(this.ended, "the end of the server");
    } catch (error) {
      this.process.kill("SIGKILL");
      throw error;
    }
  }
}

// Resolves as `event` does, or fails after the deadline.
export async function within(event, what) {
  const waiting = new AbortController();
  const late = pause(DEADLINE, undefined, { signal: waiting.signal }).then(() => {
    throw new Error(`${what} did not come within ${DEADLINE} ms`);
  });
  late.catch(() => {}); // Aborted below when `event` wins.
  try {
    return await Promise.race([event, late]);
  } finally {
    waiting.abort();
  }
}

export async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      resolve(true);
      socket.destroy();
    });
    socket.once("error", () => resolve(false));
  });
}
