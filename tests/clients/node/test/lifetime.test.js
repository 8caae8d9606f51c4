// How subscriptions and connections end, and how they live through a restart of the server.

import assert from "node:assert/strict";
import { test } from "node:test";

import { arrived, numbers, publishAll, subscribe, texts, withPair, withServer } from "../support/clients.js";
import { within } from "../support/server.js";

async function firstThreeOfTen(publisher, subscriber) {
  const inbox = await subscribe(subscriber, "x", { max: 3 });
  await publishAll(publisher, "x", numbers(10));
  return arrived(subscriber, inbox);
}

test("auto-unsubscribe ends after max", withPair(async (publisher, subscriber) => {
  assert.deepEqual(await firstThreeOfTen(publisher, subscriber), numbers(3));
}));

test("the server sends no more than max", withPair(async (publisher, subscriber) => {
  await firstThreeOfTen(publisher, subscriber);
  assert.equal(subscriber.stats().inMsgs, 3);
}));

test("a drained subscription gets all from before", withPair(async (publisher, subscriber) => {
  const inbox = await subscribe(subscriber, "x");
  await publishAll(publisher, "x", numbers(1000));
  await within(inbox.subscription.drain(), "the end of the drain");
  assert.deepEqual(texts(inbox), numbers(1000));
}));

test("the server sends nothing after a drain", withPair(async (publisher, subscriber) => {
  const inbox = await subscribe(subscriber, "x");
  await within(inbox.subscription.drain(), "the end of the drain");
  await publishAll(publisher, "x", ["late"]);
  await subscriber.flush();
  assert.equal(subscriber.stats().inMsgs, 0);
}));

test("a drained connection gets all from before", withPair(async (publisher, subscriber) => {
  const inbox = await subscribe(subscriber, "x");
  await publishAll(publisher, "x", numbers(1000));
  await within(subscriber.drain(), "the end of the drain");
  assert.deepEqual(texts(inbox), numbers(1000));
}));

test("a drained connection sends all it published", withPair(async (publisher, subscriber) => {
  const inbox = await subscribe(subscriber, "x");
  numbers(1000).forEach((number) => publisher.publish("x", number));
  await within(publisher.drain(), "the end of the drain");
  assert.deepEqual(await arrived(subscriber, inbox), numbers(1000));
}));

// A connection that tries again for as long as it takes, and the promise that it is back.
async function connectPatiently(connect) {
  const connection = await connect({ maxReconnectAttempts: -1, reconnectTimeWait: 50, reconnectJitter: 0 });
  const statuses = connection.status();
  const back = (async () => {
    for await (const { type } of statuses) if (type === "reconnect") return;
  })();
  return { connection, back };
}

for (const signal of ["SIGTERM", "SIGKILL"]) {
  test(`subscriptions resume after a restart by ${signal}`, withServer(async ({ server, connect }) => {
    const publisher = await connectPatiently(connect);
    const subscriber = await connectPatiently(connect);
    const inbox = await subscribe(subscriber.connection, "x");
    await server.stop(signal);
    await server.start();
    await within(Promise.all([publisher.back, subscriber.back]), "the reconnect");
    await subscriber.connection.flush(); // The SUB that was sent again is in force.
    await publishAll(publisher.connection, "x", ["after"]);
    assert.deepEqual(await arrived(subscriber.connection, inbox), ["after"]);
  }));
}
