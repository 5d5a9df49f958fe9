// The page against a server that says what each test needs: ERROR frames,
// notices, a roster that has changed meanwhile. The files are the real ones.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { root } from "../clients/lib/processes.mjs";
import { launch, Tab } from "./browser.mjs";

const files = join(root, "deploy", "standalone", "demo", "static");
const types = { ".html": "text/html", ".mjs": "text/javascript", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const origin = "http://demo.test/";

let browser;
before(async () => { browser = await launch(); });
afterEach(async () => { for (const context of browser.contexts()) await context.close(); });
after(() => browser?.close());

/** One connection of the page; `say` sends a frame to it. */
class Peer {
  constructor(socket, number) {
    this.socket = socket;
    this.number = number;
  }

  say(command, headers, body = "") {
    const lines = Object.entries(headers).map(([key, value]) => `${key}:${value}\n`).join("");
    this.socket.send(`${command}\n${lines}\n${body}\0`);
  }

  event(destination, subscription, event) {
    this.say("MESSAGE", { destination, subscription, "message-id": "m", event: event.type }, JSON.stringify(event));
  }

  roster(offset, users) {
    const members = users.map((user) => ({ user, since: "2026-01-01T00:00:00Z", meta: {} }));
    this.event("/topic/den", "room", { type: "presence.state", channel: "den", version: `0:${offset}`, count: users.length, truncated: false, members });
  }

  error(headers, code, body = "") {
    this.say("ERROR", headers, body);
    this.socket.close({ code, reason: headers.message });
  }
}

/** Opens the page; `joined(peer)` runs whenever it has subscribed to its room. */
async function open(joined) {
  const peers = [];
  const context = await browser.newContext({ viewport: { width: 900, height: 600 } });
  await context.route(`${origin}**`, (route) => {
    const path = new URL(route.request().url()).pathname;
    const file = join(files, path === "/" ? "index.html" : path);
    return route.fulfill({ body: readFileSync(file), contentType: types[extname(file)] });
  });
  const page = await context.newPage();
  await page.routeWebSocket(/\/ws$/, (socket) => {
    const peer = new Peer(socket, peers.push(socket));
    socket.onMessage((text) => {
      const frame = String(text);
      const receipt = /\nreceipt:(.*)\n/.exec(frame)?.[1];
      if (frame.startsWith("CONNECT\n")) peer.say("CONNECTED", { version: "1.2", session: `S${peer.number}`, "heart-beat": "0,0" });
      if (receipt) peer.say("RECEIPT", { "receipt-id": receipt });
      if (frame.includes("destination:/topic/den") && frame.startsWith("SUBSCRIBE")) joined(peer);
    });
  });
  await page.clock.install(); // time goes on, and can be moved forward
  await page.goto(`${origin}?user=alice&room=den`);
  return { tab: new Tab(context, page), peers };
}

const state = (tab, name) => tab.page.locator(`[data-testid="connection-state"][data-state="${name}"]`).waitFor();

test("retry: never ends it, with the reason in words", async () => {
  const { tab, peers } = await open((peer) => peer.error({ message: "kicked", retry: "never" }, 1008, "Be nice."));
  await state(tab, "ended");
  assert.match(await tab.at("banner").textContent(), /you were removed. Be nice\./);
  await tab.page.clock.runFor(120_000);
  assert.equal(peers.length, 1, "no further connection");
});

test("retry: now comes back within a second, as a new session", async () => {
  const { tab, peers } = await open((peer) => {
    if (peer.number === 1) peer.error({ message: "server_shutdown", retry: "now" }, 1012);
    else peer.roster(9, ["alice"]);
  });
  await tab.at("session-id").filter({ hasText: "S2" }).waitFor({ timeout: 3_000 });
  await state(tab, "joined");
  assert.equal(peers.length, 2);
  assert.ok(!(await tab.at("banner").isVisible()), "the banner is gone");
});

test("retry: later waits for seconds, and says so", async () => {
  const { tab, peers } = await open((peer) => peer.error({ message: "slow_consumer", retry: "later" }, 1013));
  await state(tab, "waiting");
  const [, seconds] = /Trying again in (\d+) s/.exec(await tab.at("banner").textContent());
  assert.ok(Number(seconds) >= 5 && Number(seconds) <= 15, `${seconds} s`);
  assert.equal(peers.length, 1);
  await tab.page.clock.runFor(15_000);
  await tab.at("session-id").filter({ hasText: "S2" }).waitFor();
});

test("after a break the page tells who came and went meanwhile", async () => {
  const { tab } = await open((peer) => {
    if (peer.number > 1) return peer.roster(20, ["alice", "carol"]);
    peer.roster(10, ["alice", "bob"]);
    peer.socket.close({ code: 1012 });
  });
  await tab.note("left", "bob").waitFor();
  assert.match(await tab.note("left", "bob").textContent(), /left while you were away/);
  assert.match(await tab.note("joined", "carol").textContent(), /came while you were away/);
  assert.deepEqual(await tab.roster(), ["alice", "carol"]);
});

test("session.closing is announced before the end", async () => {
  const { tab } = await open((peer) => {
    peer.roster(1, ["alice"]);
    peer.event("/user/queue/session", "session", { type: "session.closing", reason: "max_session_age", at: "2026-01-01T00:00:00Z", note: "Save your work." });
  });
  await tab.at("banner").filter({ hasText: "about to end" }).waitFor();
  assert.match(await tab.at("banner").textContent(), /maximum age. Save your work\./);
});

test("a truncated roster shows the exact count", async () => {
  const { tab } = await open((peer) => peer.event("/topic/den", "room", {
    type: "presence.state", channel: "den", version: "0:1", count: 5_000, truncated: true,
    members: [{ user: "alice", meta: {} }, { user: "bob", meta: {} }],
  }));
  await tab.at("roster-truncated").filter({ hasText: "and 4998 more" }).waitFor();
  assert.equal(await tab.at("roster-count").textContent(), "5000");
});

test("a message is shown once, and base64 as text", async () => {
  const { tab } = await open((peer) => {
    peer.roster(1, ["alice"]);
    const message = { type: "message", channel: "den", id: "m1", user: "bob", at: "2026-01-01T00:00:00Z" };
    peer.event("/topic/den", "room", { ...message, body: "once" });
    peer.event("/topic/den", "room", { ...message, body: "once" });
    peer.event("/topic/den", "room", { ...message, id: "m2", body: "Z3LDvMOfZQ==", encoding: "base64" });
  });
  await tab.message("grüße").waitFor();
  assert.equal(await tab.message("once").count(), 1);
});
