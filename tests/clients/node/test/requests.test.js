// Requests, their answers, headers, and what happens when nobody answers.

import assert from "node:assert/strict";
import { test } from "node:test";

import { errors, headers } from "@nats-io/transport-node";

import { first, numbers, subscribe, withPair, withServer } from "../support/clients.js";
import { DEADLINE } from "../support/server.js";

const SOON = 2_000; // Milliseconds. Many round trips, and far from the deadline a timeout would take.
const patient = { timeout: DEADLINE };

const answer = (connection, subject, respond) =>
  subscribe(connection, subject, { callback: (_error, message) => respond(message) });

test("a request is answered", withPair(async (requester, responder) => {
  await answer(responder, "upper", (message) => message.respond(message.string().toUpperCase()));
  const reply = await requester.request("upper", "hello", patient);
  assert.equal(reply.string(), "HELLO");
}));

test("concurrent requests get their own answers", withServer(async ({ connect }) => {
  await answer(await connect(), "echo", (message) => message.respond(message.data));
  const requesters = await Promise.all(Array.from({ length: 20 }, () => connect()));
  const ask = (question, index) => requesters[index % requesters.length].request("echo", question, patient);
  const replies = await Promise.all(numbers(1000).map(ask));
  assert.deepEqual(replies.map((reply) => reply.string()), numbers(1000));
}));

// Keys with more than one value, and two keys that differ in case only.
function headersOf(values) {
  const block = headers();
  values.forEach(([key, value]) => block.append(key, value));
  return block;
}

const SENT = [["Color", "red"], ["Color", "green: dark, not light"], ["color", "other"]];
const RECEIVED = [["Color", ["red", "green: dark, not light"]], ["color", ["other"]]];

test("headers with several values arrive with a message", withPair(async (publisher, subscriber) => {
  const inbox = await subscribe(subscriber, "x");
  publisher.publish("x", "body", { headers: headersOf(SENT) });
  const [message] = await first(1, inbox);
  assert.deepEqual([...message.headers], RECEIVED);
}));

test("headers with several values come back with a reply", withPair(async (requester, responder) => {
  await answer(responder, "x", (message) => message.respond("body", { headers: message.headers }));
  const reply = await requester.request("x", "", { ...patient, headers: headersOf(SENT) });
  assert.deepEqual([...reply.headers], RECEIVED);
}));

test("a payload with headers is not touched by them", withPair(async (publisher, subscriber) => {
  const inbox = await subscribe(subscriber, "x");
  publisher.publish("x", "body\r\n", { headers: headersOf(SENT) });
  const [message] = await first(1, inbox);
  assert.equal(message.string(), "body\r\n");
}));

const hasNoResponders = (error) => [error, error.cause].some((each) => each instanceof errors.NoRespondersError);

test("a request without responders fails with its own error", withServer(async ({ connect }) => {
  const requester = await connect();
  await assert.rejects(requester.request("nobody", "", patient), hasNoResponders);
}));

test("a request without responders fails at once", withServer(async ({ connect }) => {
  const requester = await connect();
  const started = Date.now();
  await assert.rejects(requester.request("nobody", "", patient));
  assert.ok(Date.now() - started < SOON);
}));
