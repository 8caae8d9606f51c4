// The dashboard in a browser: a real server under real load, a real page.
//
//   node test.mjs SERVER [PICTURES]
//
// Starts SERVER, loads it, and checks what a person would see: the figures of /varz, a slow reader
// on top with what waits for each subscription, a message in the tap, a connection that goes when it
// is closed, ten thousand rows; over https, a reload and a lame duck. With PICTURES, a folder, it leaves
// pictures there.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { chromium } from 'playwright-core';

const [program, pictures] = process.argv.slice(2);
const CROWD = Number(process.env.DUNLIN_CROWD ?? 10_000);
const server = spawn(program, ['-a', '127.0.0.1', '-p', '-1', '-m', '-1', '-n', 'harbour']);

async function started(log) {
  let text = '';
  log.on('data', chunk => text += chunk);
  return until('the server is ready', () => {
    const found = [/Listening for client connections on \S+:(\d+)/, /https? monitor on \S+:(\d+)/].map(it => it.exec(text)?.[1]);
    if (found.every(Boolean) && text.includes('Server is ready')) return { port: +found[0], monitor: +found[1] };
  });
}

/// A connection that says who it is and what it wants; it reads, unless it is told not to.
async function client(name, subjects = [], reads = true) {
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'data');
  if (reads) socket.on('data', data => { if (data.includes('PING\r\n')) socket.write('PONG\r\n'); });
  const subscriptions = subjects.map((subject, sid) => `SUB ${subject} ${sid + 1}\r\n`).join('');
  socket.write(`CONNECT ${JSON.stringify({ verbose: false, name, lang: 'node', version: '1.0.0' })}\r\n${subscriptions}`);
  if (!reads) socket.pause();
  socket.on('error', () => {});
  return socket;
}

const json = async path => (await fetch(at + path)).json();
async function until(what, check, patience = 10_000) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > end) throw new Error('never: ' + what);
    await new Promise(later => setTimeout(later, 50));
  }
}

/// Over https, with users: who may look does not yet control; who may, reloads and sends clients away.
async function encrypted(browser) {
  const folder = await mkdtemp(join(tmpdir(), 'dunlin-'));
  const [cert, key, conf] = ['cert.pem', 'key.pem', 'server.conf'].map(name => join(folder, name));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const settings = more => writeFile(conf, `port: -1, host: "127.0.0.1", https: "127.0.0.1:-1", server_name: quay
tls { cert_file: "${cert}", key_file: "${key}" }
monitoring { demand_user: true }
authorization { users: [{ user: boss, password: b }, { user: guest, password: g, permissions: { publish: "a", subscribe: "a" } }] }
${more}\n`);
  await settings('max_payload: 1000');
  const quay = spawn(program, ['-c', conf]);
  try {
    const { monitor } = await started(quay.stderr);
    const at = `https://localhost:${monitor}`;
    const visit = user => browser.newContext({ ignoreHTTPSErrors: true, httpCredentials: { username: user, password: user[0] } });
    const [guest, boss] = [await visit('guest'), await visit('boss')];
    const page = await boss.newPage();
    const errors = [];
    page.on('pageerror', error => errors.push(String(error)));
    await page.goto(at + '/dashboard#settings');
    await until('it is live over https', async () => (await page.locator('#state').innerText()) === 'live');
    const post = (context, what) => context.request.post(at + what, { headers: { 'X-Dunlin': '1' } });
    assert.equal((await guest.request.get(at + '/varz')).status(), 200);
    for (const what of ['/dashboard/reload', '/dashboard/lame-duck']) assert.equal((await post(guest, what)).status(), 403, what);
    await settings('max_payload: 2000');
    await page.locator('#reload').click();
    await until('it is done', async () => (await page.locator('#done').innerText()) !== '');
    assert.equal((await (await boss.request.get(at + '/varz')).json()).max_payload, 2000);
    await settings('max_payload: nonsense');
    assert.notEqual((await post(boss, '/dashboard/reload')).status(), 200);
    assert.equal((await (await boss.request.get(at + '/varz')).json()).max_payload, 2000);
    const ended = once(quay, 'exit');
    page.on('dialog', dialog => dialog.accept());
    await page.locator('#lame-duck').click();
    await ended;
    assert.deepEqual(errors, []);
  } finally {
    quay.kill();
    await rm(folder, { recursive: true });
  }
}

const { port, monitor } = await started(server.stderr);
const at = `http://127.0.0.1:${monitor}`;
setTimeout(() => { server.kill(); console.error('took too long'); process.exit(1); }, 240_000).unref();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
try {
  const readers = await Promise.all([
    client('billing', ['orders.*.new', 'payments.>']), client('warehouse', ['orders.>']),
    client('mail <b>&"', ['users.signed_up', 'orders.eu.new']), client('metrics', ['telemetry.>']),
  ]);
  const shop = await client('shop');
  const subjects = ['orders.eu.new', 'orders.us.new', 'orders.us.paid', 'payments.card', 'telemetry.rack1.temp', 'telemetry.rack2.temp', 'users.signed_up'];
  let tick = 0;
  const load = setInterval(() => {
    let text = '';
    const batch = 40 + Math.round(30 * Math.sin(tick++ / 40));
    for (let i = 0; i < batch; i++) text += `PUB ${subjects[(i * 7 + tick) % subjects.length]} 25\r\n{"id":1234567,"at":"now"}\r\n`;
    if (!shop.writableNeedDrain) shop.write(text);
  }, 50);

  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  const errors = [];
  page.on('pageerror', error => errors.push(String(error)));
  page.on('console', message => message.type() === 'error' && errors.push(message.text()));
  await page.goto(at + '/dashboard');
  const tile = label => page.locator(`[data-tile="${label}"] b`).innerText();

  // The figures are those of /varz.
  await until('the page is live', async () => (await page.locator('#state').innerText()) === 'live');
  await until('five connections', async () => (await tile('connections')) === '5');
  const { subscriptions } = await json('/varz');
  assert.equal(await tile('subscriptions'), String(subscriptions));
  assert.match(await page.locator('#who').innerText(), /^harbour · 127\.0\.0\.1:\d+/);
  const shown = await tile('messages in');
  assert.ok(Number.parseFloat(shown) > 0, shown);

  // A slow reader stands on top within two seconds.
  const turtle = await client('turtle', ['telemetry.>'], false);
  await until('it is there', async () => (await json('/varz')).connections === 6);
  const flood = Buffer.concat(Array.from({ length: 400 }, () => Buffer.concat([Buffer.from('PUB telemetry.rack1.dump 16384\r\n'), Buffer.alloc(16384, 120), Buffer.from('\r\n')])));
  const since = Date.now();
  shop.write(flood);
  await until('the slow reader is first', async () => (await page.locator('#slow tbody tr').first().innerText().catch(() => '')).includes('turtle'), 4_000);
  console.log(`slow reader on top after ${Date.now() - since} ms`);
  const first = page.locator('#slow tbody tr').first();
  assert.match(await first.innerText(), /telemetry\.> \d/, 'what most of it is for, and how much');
  await first.getByText('look').click();
  const waiting = page.locator('#subs tr', { hasText: 'telemetry.>' });
  await waiting.waitFor();
  const told = (await json('/slowz')).slow[0].subscriptions[0];
  assert.ok(told.pending_messages > 0, JSON.stringify(told));
  assert.match(await waiting.innerText(), /[0-9.]+ MiB\s/, 'bytes that wait for the subscription');
  if (pictures) await page.screenshot({ path: `${pictures}/dashboard-detail.png` });
  await page.locator('#detail').getByText('Back').click();
  if (pictures) await page.waitForTimeout(20_000);
  const picture = async name => pictures && page.screenshot({ path: `${pictures}/${name}.png` });
  await picture('dashboard-light');
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.waitForTimeout(1200);
  await picture('dashboard-dark');

  // Subjects open by token, with the keyboard.
  await page.locator('[data-view=overview]').focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await page.locator('[data-subject=orders]').focus();
  await page.keyboard.press('Enter');
  await page.locator('[data-subject="orders.eu"]').waitFor();
  assert.equal(await page.locator('#traffic').isVisible(), false, 'nothing is counted unasked');
  await page.locator('#watch').click();
  await page.locator('#t-subjects td', { hasText: 'orders.eu.new' }).waitFor();
  await page.locator('#t-publishers td', { hasText: 'shop' }).waitFor();
  assert.equal((await json('/trafficz')).is_on, true);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.waitForTimeout(2500);
  await picture('dashboard-subjects');

  // The tap shows a message.
  await page.locator('[data-view=tap]').click();
  await page.locator('#filter').fill('orders.*.new');
  await page.locator('#tap-go').click();
  await page.locator('#tapped div', { hasText: 'orders.eu.new' }).first().waitFor();
  await picture('dashboard-tap');
  await page.locator('#tap-go').click();

  // Names are shown as they are, and a connection that is closed goes.
  await page.locator('[data-view=connections]').click();
  await page.locator('#search').fill('mail');
  await page.locator('#conns tbody td', { hasText: 'mail <b>&"' }).waitFor();
  await page.locator('#conns tbody button').first().click();
  await page.locator('#detail').getByText('users.signed_up').waitFor();
  await page.locator('#kick').click();
  await until('it is gone', () => readers[2].destroyed);

  // Who is cut is shown with what it lost of which subscription.
  const snail = await client('snail', ['cargo.>'], false);
  await until('it is there', async () => (await json('/connz')).connections.some(it => it.name === 'snail'));
  const crate = Buffer.concat([Buffer.from('PUB cargo.crate 65536\r\n'), Buffer.alloc(65536, 120), Buffer.from('\r\n')]);
  shop.write(Buffer.concat(Array.from({ length: 1_200 }, () => crate)));
  const itself = async () => (await json('/slowz')).cut.find(it => it.name === 'snail');
  await until('it is cut', async () => await itself() !== undefined);
  await page.locator('[data-view=closed]').click();
  await page.locator('#closed td', { hasText: 'Kicked' }).waitFor();
  const cut = await itself(), lost = cut.subscriptions[0];
  assert.equal(lost.subject, 'cargo.>');
  assert.ok(cut.dropped_messages - lost.dropped_messages <= 1, JSON.stringify(cut));
  await page.locator('#closed tr', { hasText: 'snail' }).filter({ hasText: / lost \(.* of cargo\.>\)/ }).waitFor();
  snail.destroy();

  // A crowd stays readable.
  clearInterval(load);
  const crowd = [];
  for (let n = 0; n < CROWD; n += 200) crowd.push(...await Promise.all(Array.from({ length: 200 }, (_, i) => client(`node-${n + i}`))));
  await page.locator('[data-view=connections]').click();
  await page.locator('#search').fill('');
  await until('the crowd is counted', async () => Number(/of (\d+)/.exec(await page.locator('#found').innerText())?.[1]) > CROWD);
  const asked = Date.now();
  await page.locator('#search').fill('node-' + (CROWD - 1));
  await page.locator('#conns tbody td', { hasText: 'node-' + (CROWD - 1) }).waitFor();
  console.log(`found one of ${CROWD} after ${Date.now() - asked} ms`);
  await page.locator('#search').fill('');
  await page.locator('th[data-key=name] button').click();
  await picture('dashboard-connections');

  // A phone, too.
  await page.setViewportSize({ width: 390, height: 844 });
  await page.locator('[data-view=overview]').click();
  await page.waitForTimeout(1500);
  await picture('dashboard-phone');
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `${overflow} px stick out on a phone`);
  assert.deepEqual(errors, []);
  crowd.forEach(socket => socket.destroy());
  turtle.destroy();
  await encrypted(browser);
  console.log('the dashboard holds');
} finally {
  await browser.close();
  server.kill();
}
process.exit(0);
