// Connections over WebSocket, for the tests of a listener.

import { wsconnect } from "@nats-io/nats-core";
import { WebSocket } from "ws";

import { freePort, Server } from "./server.js";

// Node 20 has no WebSocket of its own.
globalThis.WebSocket ??= WebSocket;

// A test with a server that listens for WebSockets as `block` says, and `connect` and `connectTcp`
// whose connections are closed for it.
export function withWebsocket(body, block = "", rest = "") {
  return async () => {
    const port = await freePort();
    const address = `ws://127.0.0.1:${port}`;
    const server = await Server.start(`websocket { port: ${port}, no_tls: true, ${block} }\n${rest}`);
    const connections = [];
    const connect = async (options = {}) => {
      const connection = await wsconnect({ servers: address, ...options });
      connections.push(connection);
      return connection;
    };
    try {
      await body({ server, address, connect });
    } finally {
      await Promise.all(connections.map((connection) => connection.close()));
      await server.stop();
    }
  };
}
