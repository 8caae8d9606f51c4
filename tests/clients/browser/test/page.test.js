// A page that publishes and subscribes, from a real browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import { withPage } from "../support/page.js";

const expected = (count, size) => Array.from({ length: count }, (_, number) => [`page.${number}`, size]);

for (const [name, block] of [["in the open", ""], ["with compression", "compression: true"]]) {
  test(`a page hears what it publishes, ${name}`, withPage(async ({ page, address }) => {
    for (const [count, size] of [[1000, 10], [100, 5000], [3, 1_000_000]]) {
      const publish = ([address, count, size]) => window.publishAndSubscribe(address, {}, count, size);
      const arrived = await page.evaluate(publish, [address, count, size]);
      assert.deepEqual(arrived, expected(count, size));
    }
  }, () => block));
}

test("two pages hear each other", withPage(async ({ page, address }) => {
  const other = await page.context().newPage();
  await other.goto(page.url());
  await other.waitForFunction(() => window.isReady);
  const hearing = other.evaluate(async (address) => {
    const { connect, StringCodec } = await import("/nats.js");
    const connection = await connect({ servers: address });
    const subscription = connection.subscribe("ask", { max: 1 });
    await connection.flush();
    window.hears = true;
    for await (const message of subscription) message.respond(StringCodec().encode("heard"));
    await connection.drain();
  }, address);
  await other.waitForFunction(() => window.hears);
  const ask = (address) => window.ask(address, "ask", "?");
  assert.equal(await page.evaluate(ask, address), "heard");
  await hearing;
}));

test("a page of a listed origin connects", withPage(async ({ page, address }) => {
  const arrived = await page.evaluate((address) => window.publishAndSubscribe(address, {}, 1, 1), address);
  assert.deepEqual(arrived, expected(1, 1));
}, (origin) => `allowed_origins: ["${origin}"]`));

test("a page of another origin does not", withPage(async ({ page, address }) => {
  const refusal = await page.evaluate((address) => window.refusal(address, {}), address);
  assert.notEqual(refusal, "none");
}, () => 'allowed_origins: ["https://example.com"]'));

const USERS = "authorization { users: [{ user: page, password: secret }] }";

test("cookies let a page in that names nobody", withPage(async ({ page, address }) => {
  const refusal = (address) => window.refusal(address, {});
  assert.match(await page.evaluate(refusal, address), /authorization/i);
  await page.evaluate(() => {
    document.cookie = "who=page";
    document.cookie = "word=secret";
  });
  assert.equal(await page.evaluate(refusal, address), "none");
}, () => "user_cookie: who, pass_cookie: word", USERS));
