// Publish and subscribe: who gets a message, whole and in order.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";

import { arrived, first, numbers, publishAll, subscribe, texts, withPair, withServer } from "../support/clients.js";

const MAX_PAYLOAD = 1024 * 1024; // The default of the protocol's servers, announced in INFO.

test("a published message reaches its subscriber", withPair(async (publisher, subscriber) => {
  const inbox = await subscribe(subscriber, "greet");
  publisher.publish("greet", "hello");
  const [message] = await first(1, inbox);
  assert.deepEqual([message.subject, message.string()], ["greet", "hello"]);
}));

test("a flush is a barrier", withPair(async (publisher, subscriber) => {
  const inbox = await subscribe(subscriber, "x");
  await publishAll(publisher, "x", numbers(1000));
  await subscriber.flush();
  assert.equal(inbox.messages.length, 1000);
}));

const matches = (pattern, matching) => withPair(async (publisher, subscriber) => {
  const inbox = await subscribe(subscriber, pattern);
  ["a", "a.b", "a.c", "b.b", "a.b.c", "a.b.c.d"].forEach((subject) => publisher.publish(subject));
  await publisher.flush();
  await subscriber.flush();
  assert.deepEqual(inbox.messages.map((message) => message.subject), matching);
});

test("a star at the end matches exactly one token", matches("a.*", ["a.b", "a.c"]));
test("a star at the start matches exactly one token", matches("*.b", ["a.b", "b.b"]));
test("a star in the middle matches exactly one token", matches("a.*.c", ["a.b.c"]));
test("a star alone matches exactly one token", matches("*", ["a"]));
test("a full wildcard matches one or more tokens", matches("a.>", ["a.b", "a.c", "a.b.c", "a.b.c.d"]));
test("a full wildcard alone matches all", matches(">", ["a", "a.b", "a.c", "b.b", "a.b.c", "a.b.c.d"]));
test("a full wildcard after stars needs one more token", matches("*.*.>", ["a.b.c", "a.b.c.d"]));

async function sharesOfAQueueGroup(connect, messages) {
  const publisher = await connect();
  const members = await Promise.all([connect(), connect(), connect()]);
  const inboxes = await Promise.all(members.map((member) => subscribe(member, "jobs", { queue: "workers" })));
  await publishAll(publisher, "jobs", messages);
  return Promise.all(members.map((member, index) => arrived(member, inboxes[index])));
}

test("a queue group hands each message to exactly one member", withServer(async ({ connect }) => {
  const shares = await sharesOfAQueueGroup(connect, numbers(600));
  assert.deepEqual(shares.flat().sort(), numbers(600).sort());
}));

test("every member of a queue group gets some", withServer(async ({ connect }) => {
  const shares = await sharesOfAQueueGroup(connect, numbers(600));
  assert.ok(shares.every((share) => share.length > 0), `${shares.map((share) => share.length)}`);
}));

test("no echo keeps own messages away", withServer(async ({ connect }) => {
  const [quiet, other] = [await connect({ noEcho: true }), await connect()];
  const inbox = await subscribe(quiet, "x");
  await publishAll(quiet, "x", ["own"]);
  await publishAll(other, "x", ["other"]);
  assert.deepEqual(await arrived(quiet, inbox), ["other"]);
}));

test("a payload of max_payload arrives whole", withPair(async (publisher, subscriber) => {
  const inbox = await subscribe(subscriber, "large");
  const payload = randomBytes(MAX_PAYLOAD);
  publisher.publish("large", payload);
  const [message] = await first(1, inbox);
  assert.ok(payload.equals(message.data)); // Not deepEqual: it would print two megabytes.
}));

test("a payload over max_payload is refused", withServer(async ({ connect }) => {
  const publisher = await connect();
  assert.throws(() => publisher.publish("large", new Uint8Array(MAX_PAYLOAD + 1)), /max_payload/);
}));

test("many messages arrive complete and in order", withPair(async (publisher, subscriber) => {
  const inbox = await subscribe(subscriber, "many");
  await publishAll(publisher, "many", numbers(100_000));
  await first(100_000, inbox);
  assert.deepEqual(texts(inbox), numbers(100_000));
}));
