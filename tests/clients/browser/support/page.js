// A page in Chromium, served from a port of its own, and a server beside it.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { once } from "node:events";

import { chromium } from "playwright-core";

import { freePort, Server } from "../../node/support/server.js";

const FILES = {
  "/": ["text/html", new URL("../page/index.html", import.meta.url)],
  "/nats.js": ["text/javascript", new URL("../node_modules/nats.ws/esm/nats.js", import.meta.url)],
};

// A test with a page. The block of the listener is made from the origin of the page.
export function withPage(body, block = () => "", rest = "") {
  return async () => {
    const files = createServer(serve).listen(0, "127.0.0.1");
    await once(files, "listening");
    const origin = `http://127.0.0.1:${files.address().port}`;
    const port = await freePort();
    const server = await Server.start(`websocket { port: ${port}, no_tls: true, ${block(origin)} }\n${rest}`);
    let browser;
    try {
      browser = await chromium.launch({
        executablePath: process.env.DUNLIN_CHROMIUM ?? "/usr/bin/chromium",
        args: ["--no-sandbox"], // Containers run it as root.
      });
      const page = await (await browser.newContext()).newPage();
      await page.goto(origin);
      await page.waitForFunction(() => window.isReady);
      await body({ page, address: `ws://127.0.0.1:${port}`, server });
    } finally {
      await browser?.close();
      await server.stop();
      files.close();
    }
  };
}

async function serve(request, response) {
  const [type, file] = FILES[request.url] ?? [];
  if (file === undefined) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": type }).end(await readFile(file));
}
