// Who may connect, and what each may do.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { AuthorizationError, nkeyAuthenticator, PermissionViolationError } from "@nats-io/nats-core";

import { arrived, publishAll, subscribe, withServer } from "../support/clients.js";
import { within } from "../support/server.js";

const seed = (text) => nkeyAuthenticator(new TextEncoder().encode(text));
const SEED = seed("SUACEGYQCOLDWDBWJQ4CA3PLV3UUSSJJWKDCL7UPWOQGP4PVR6ETWCY5PQ");
const OTHER_SEED = seed("SUAGDQCW4RHPFGLHJQTD2LZWRUUV6IPNKVFL3YIPEQNNTQEQAQYNBY3BBM");

const config = (name) => readFileSync(new URL(`../../access/${name}`, import.meta.url), "utf8");
const [TOKEN, USERS] = [config("token.conf"), config("users.conf")];

async function speaks(connection) {
  const inbox = await subscribe(connection, "open.x");
  await publishAll(connection, "open.x", ["hello"]);
  assert.deepEqual(await arrived(connection, inbox), ["hello"]);
}

const refused = (connect, options) =>
  assert.rejects(connect({ reconnect: false, ...options }), (error) => error instanceof AuthorizationError);

test("a token lets in, and a wrong one does not", withServer(async ({ connect }) => {
  await speaks(await connect({ token: "t0ken" }));
  await refused(connect, { token: "t0ke" });
  await refused(connect, {});
}, TOKEN));

test("a password lets in, and a wrong one does not", withServer(async ({ connect }) => {
  for (const user of ["joe", "ann"]) {
    await speaks(await connect({ user, pass: "secret" }));
    await refused(connect, { user, pass: "Secret" });
  }
}, USERS));

test("a key lets in, and another does not", withServer(async ({ connect }) => {
  await speaks(await connect({ authenticator: SEED }));
  await refused(connect, { authenticator: OTHER_SEED });
}, USERS));

test("what is not allowed is an error and no message", withServer(async ({ connect }) => {
  const joe = await connect({ user: "joe", pass: "secret" });
  const low = await connect({ user: "low", pass: "secret" });
  const everything = await subscribe(joe, ">");
  const refusal = new Promise((resolve) => low.subscribe("shut", { callback: resolve }));
  await publishAll(low, "open.not", ["no"]);
  await publishAll(low, "open.yes", ["yes"]);
  assert.deepEqual(await arrived(joe, everything), ["yes"]);
  const error = await within(refusal, "the refusal of a subscription");
  assert(error instanceof PermissionViolationError, `${error}`);
  assert.equal(error.subject, "shut");
}, USERS));
