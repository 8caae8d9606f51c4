// Encrypted connections, and certificates that say who somebody is.

import assert from "node:assert/strict";
import { test } from "node:test";

import { first, publishAll, subscribe, withServer } from "../support/clients.js";
import { within } from "../support/server.js";

const file = (name) => `${process.env.DUNLIN_CERTIFICATES}/${name}.pem`;
const tls = (keys) => `tls { cert_file: "${file("server")}", key_file: "${file("server-key")}", ${keys} }`;
const verifying = (key) => tls(`ca_file: "${file("ca")}", ${key}: true`);
const USERS = "authorization { users: [{user: known.example, permissions: {publish: mine}}] }";

const trusting = { caFile: file("ca") };
const showing = (name) => ({ ...trusting, certFile: file(name), keyFile: file(`${name}-key`) });
// One attempt: what a test looks at is what comes of it.
const once = (options) => ({ reconnect: false, tls: options });

async function exchange(connection) {
  const inbox = await subscribe(connection, "mine");
  const large = "b".repeat(1_000_000);
  await publishAll(connection, "mine", ["a", large]);
  const messages = await first(2, inbox);
  assert.deepEqual(messages.map((message) => message.string()), ["a", large]);
}

test("messages arrive encrypted", withServer(async ({ connect }) => {
  await exchange(await connect(once(trusting)));
}, tls("")));

test("the handshake may come first", withServer(async ({ connect }) => {
  await exchange(await connect(once({ ...trusting, handshakeFirst: true })));
}, tls("handshake_first: true")));

test("a server that is not trusted is refused", withServer(async ({ connect }) => {
  await assert.rejects(connect(once({})), (error) => /certificate/.test(`${error} ${error.cause}`));
}, tls("")));

test("a demanded certificate lets in", withServer(async ({ connect }) => {
  await exchange(await connect(once(showing("unknown"))));
}, verifying("verify")));

test("without a demanded certificate nobody is let in", withServer(async ({ connect }) => {
  await assert.rejects(connect(once(trusting)));
}, verifying("verify")));

test("a certificate says who somebody is", withServer(async ({ connect }) => {
  const connection = await connect(once(showing("known")));
  await exchange(connection);
  const refused = (async () => {
    for await (const status of connection.status()) {
      if (status.type === "error") return status.error;
    }
  })();
  connection.publish("not.mine", "a");
  assert.match(`${await within(refused, "the refusal")}`, /permissions violation/i);
}, `${verifying("verify_and_map")}\n${USERS}`));

test("a certificate of nobody is refused", withServer(async ({ connect }) => {
  await assert.rejects(connect(once(showing("unknown"))), /authorization violation/i);
}, `${verifying("verify_and_map")}\n${USERS}`));
