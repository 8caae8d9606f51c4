// Connections and subscriptions for the tests: closed for them, known to the server, easy to look into.

import { connect as natsConnect } from "@nats-io/transport-node";

import { Server, within } from "./server.js";

// A test with a server of its own. `body` gets a `connect` whose connections are closed for it.
export function withServer(body, config) {
  return async () => {
    const server = await Server.start(config);
    const connections = [];
    const connect = async (options = {}) => {
      const connection = await natsConnect({ servers: server.address, ...options });
      connections.push(connection);
      return connection;
    };
    try {
      await body({ server, connect });
    } finally {
      await Promise.all(connections.map((connection) => connection.close()));
      await server.stop();
    }
  };
}

// As `withServer`, with a publisher and a subscriber, two connections.
export function withPair(body) {
  return withServer(async ({ connect }) => body(await connect(), await connect()));
}

// What a subscription was given. The server has the subscription when this resolves.
export async function subscribe(connection, subject, options = {}) {
  const inbox = { messages: [], waiting: [] };
  const callback = (error, message) => {
    if (error) throw error;
    inbox.messages.push(message);
    inbox.waiting.filter(({ count }) => count === inbox.messages.length).forEach(({ resolve }) => resolve());
  };
  inbox.subscription = connection.subscribe(subject, { callback, ...options });
  await connection.flush();
  return inbox;
}

// The first `count` messages of an inbox, as soon as they are there.
export async function first(count, inbox) {
  if (inbox.messages.length < count) {
    const here = new Promise((resolve) => inbox.waiting.push({ count, resolve }));
    await within(here, `message ${count}`);
  }
  return inbox.messages.slice(0, count);
}

// What the server had queued for the inbox until now: it comes before the PONG.
export async function arrived(connection, inbox) {
  await connection.flush();
  return texts(inbox);
}

export const texts = (inbox) => inbox.messages.map((message) => message.string());

// Resolves when the server has taken every message.
export async function publishAll(connection, subject, payloads) {
  payloads.forEach((payload) => connection.publish(subject, payload));
  await connection.flush();
}

export const numbers = (count) => Array.from({ length: count }, (_, number) => `${number}`);
