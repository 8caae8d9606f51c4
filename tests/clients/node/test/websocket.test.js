// WebSocket: the same protocol by another way in, with compression, logins and restarts.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { test } from "node:test";

import { connect as tcpConnect } from "@nats-io/transport-node";
import { WebSocket } from "ws";

import { arrived, first, numbers, publishAll, subscribe } from "../support/clients.js";
import { withWebsocket } from "../support/websockets.js";

const MAX_PAYLOAD = 1024 * 1024; // The default of the protocol's servers, announced in INFO.

for (const [name, block] of [["in the open", ""], ["with compression", "compression: true"]]) {
  test(`a thousand messages arrive in order, ${name}`, withWebsocket(async ({ connect }) => {
    const [publisher, subscriber] = [await connect(), await connect()];
    const inbox = await subscribe(subscriber, "x");
    await publishAll(publisher, "x", numbers(1000));
    assert.deepEqual(await arrived(subscriber, inbox), numbers(1000));
  }, block));

  test(`the largest message arrives whole, ${name}`, withWebsocket(async ({ connect }) => {
    const [publisher, subscriber] = [await connect(), await connect()];
    const inbox = await subscribe(subscriber, "x");
    for (const payload of [randomBytes(MAX_PAYLOAD), Buffer.alloc(MAX_PAYLOAD, "abc")]) {
      publisher.publish("x", payload);
    }
    const messages = await first(2, inbox);
    assert.deepEqual(messages.map(({ data }) => data.length), [MAX_PAYLOAD, MAX_PAYLOAD]);
    assert.deepEqual(Buffer.from(messages[1].data), Buffer.alloc(MAX_PAYLOAD, "abc"));
  }, block));
}

test("clients over TCP and over WebSocket hear each other", withWebsocket(async ({ server, connect }) => {
  const [page, program] = [await connect(), await tcpConnect({ servers: server.address })];
  try {
    program.subscribe("ask", { callback: (_, message) => message.respond(`${message.string()}!`) });
    await program.flush();
    const answer = await page.request("ask", "hello", { timeout: 10_000 });
    assert.equal(answer.string(), "hello!");
  } finally {
    await program.close();
  }
}));

test("nobody answers", withWebsocket(async ({ connect }) => {
  const connection = await connect();
  await assert.rejects(connection.request("nobody", "", { timeout: 10_000 }), /no responders/i);
}));

const USERS = `authorization { users: [
  { user: page, password: page, connection_types: [WEBSOCKET]
    permissions: { publish: "a.>", subscribe: ["a.>", "_INBOX.>"] } }
  { user: program, password: program, connection_types: [STANDARD] }
] }`;

test("a user is let in by the way that is its own", withWebsocket(async ({ server, connect }) => {
  await connect({ user: "page", pass: "page" });
  await assert.rejects(connect({ user: "program", pass: "program" }), /authorization/i);
  await assert.rejects(connect({ user: "page", pass: "wrong" }), /authorization/i);
  await assert.rejects(tcpConnect({ servers: server.address, user: "page", pass: "page" }), /authorization/i);
}, "", USERS));

test("permissions hold", withWebsocket(async ({ connect }) => {
  const connection = await connect({ user: "page", pass: "page" });
  const violation = (async () => {
    for await (const status of connection.status()) if (status.type === "error") return status.error;
  })();
  connection.publish("b", "");
  assert.match((await violation).message, /permissions violation for publish to "b"/i);
}, "", USERS));

test("a connection comes back when the server does", withWebsocket(async ({ server, connect }) => {
  const connection = await connect({ maxReconnectAttempts: -1, reconnectTimeWait: 50, reconnectJitter: 0 });
  const inbox = await subscribe(connection, "x");
  const back = (async () => {
    for await (const { type } of connection.status()) if (type === "reconnect") return;
  })();
  await server.stop();
  await server.start();
  await back;
  connection.publish("x", "again");
  assert.equal((await first(1, inbox))[0].string(), "again");
}));

test("pages of other origins are refused", withWebsocket(async ({ address }) => {
  const open = (origin) => new WebSocket(address, { origin });
  const [error] = await once(open("https://evil.example"), "error");
  assert.match(error.message, /403/);
  const welcome = open("https://good.example");
  await once(welcome, "open");
  welcome.close();
}, 'allowed_origins: ["https://good.example"]'));

test("cookies let a client in", withWebsocket(async ({ address }) => {
  const socket = new WebSocket(address, { headers: { cookie: "u=page; p=page" } });
  const pong = new Promise((resolve) => socket.on("message", (data) => `${data}`.endsWith("PONG\r\n") && resolve()));
  await once(socket, "open");
  socket.send('CONNECT {"verbose":false}\r\nPING\r\n');
  await pong;
  socket.close();
  const [code] = await once(socket, "close");
  assert.equal(code, 1005, "an empty close is answered with one");
}, "user_cookie: u, pass_cookie: p", USERS));
