// The demo page against the real server, in Chromium.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as elapse } from "node:timers/promises";
import { startStandalone } from "../clients/lib/processes.mjs";
import { launch, Tab } from "./browser.mjs";

const grace = Number(process.env.ROLLCALL_TEST_LEAVE_DELAY_MS ?? 3_000);
const lag = 2_000;

let server;
let browser;
let rooms = 0;

before(async () => {
  server = process.env.ROLLCALL_PAGE_URL ? { page: process.env.ROLLCALL_PAGE_URL } : await startStandalone({ leaveDelay: `${grace}ms` });
  browser = await launch();
});

afterEach(async () => {
  for (const context of browser?.contexts() ?? []) await context.close();
});

after(async () => {
  await browser?.close();
  await server?.child?.stop();
});

const room = () => `room-${process.pid}-${++rooms}`;

const url = (user, here) => `${server.page}?${new URLSearchParams({ user, room: here })}`;

async function open(user, here, options) {
  const tab = await Tab.open(browser, url(user, here), options);
  await tab.joined();
  return tab;
}

test("two tabs see each other, talk, and one learns that the other has left and why", async () => {
  const here = room();
  const alice = await open("alice", here);
  const bob = await open("bob", here);

  await alice.note("joined", "bob").waitFor();
  await bob.member("alice").waitFor();
  assert.deepEqual(await alice.roster(), ["alice", "bob"]);
  assert.deepEqual(await bob.roster(), ["alice", "bob"]);
  assert.equal(await alice.at("roster-count").textContent(), "2");
  assert.match(await alice.at("session-id").textContent(), /^[0-9A-Z]{10,}$/);
  assert.notEqual(await alice.at("session-id").textContent(), await bob.at("session-id").textContent());

  await bob.say("Hello, is anybody here?");
  await alice.message("Hello, is anybody here?").waitFor();
  await alice.say("I am. <b>Not</b> markup: & naïve ✓");
  await bob.message("<b>Not</b> markup").waitFor();
  assert.equal(await bob.page.locator(".body b").count(), 0, "text stays text");
  await alice.screenshot("demo-two-in-the-room");

  await bob.close();
  const gone = alice.note("left", "bob");
  await gone.waitFor({ timeout: grace + 10_000 });
  const reason = await gone.getAttribute("data-reason");
  assert.ok(["client_close", "connection_lost"].includes(reason), `a closed tab: ${reason}`);
  assert.match(await gone.textContent(), /bob left: (closed the connection|lost the connection)/);
  assert.deepEqual(await alice.roster(), ["alice"]);
  assert.equal(await alice.at("roster-count").textContent(), "1");
  await alice.screenshot("demo-bob-has-left");

  await elapse(grace + lag);
  assert.equal(await gone.count(), 1, "told once");
  assert.deepEqual(alice.problems, [], "no script error, nothing blocked by the policy");
});

test("a reload within the grace shows nobody leaving", async () => {
  const here = room();
  const alice = await open("alice", here);
  const bob = await open("bob", here);
  await alice.note("joined", "bob").waitFor();
  const before = await bob.at("session-id").textContent();

  await bob.page.reload();
  await bob.joined();
  assert.notEqual(await bob.at("session-id").textContent(), before, "a new session");
  await bob.say("back again");
  await alice.message("back again").waitFor();

  await elapse(grace + lag);
  assert.equal(await alice.note("left", "bob").count(), 0, "no left");
  assert.equal(await alice.note("joined", "bob").count(), 1, "no second joined");
  assert.deepEqual(await alice.roster(), ["alice", "bob"]);
  assert.deepEqual(await bob.roster(), ["alice", "bob"]);
});

test("Leave is told at once, and leads back to the form", async () => {
  const here = room();
  const alice = await open("alice", here);
  const bob = await open("bob", here);
  await alice.note("joined", "bob").waitFor();
  const began = performance.now();
  await bob.at("leave").click();
  await alice.note("left", "bob").waitFor();
  const took = performance.now() - began;
  assert.ok(took < grace, `told after ${Math.round(took)} ms, without the grace`);
  assert.equal(await alice.note("left", "bob").getAttribute("data-reason"), "client_disconnect");
  assert.ok(await bob.at("join-form").isVisible());
});

test("two tabs of one user are one person", async () => {
  const here = room();
  const alice = await open("alice", here);
  const first = await open("bob", here);
  const second = await open("bob", here);
  await alice.note("joined", "bob").waitFor();
  await first.close();
  await elapse(grace + lag);
  assert.equal(await alice.note("joined", "bob").count(), 1);
  assert.equal(await alice.note("left", "bob").count(), 0);
  await second.close();
  await alice.note("left", "bob").waitFor({ timeout: grace + 10_000 });
});

test("the form asks for a name and refuses an illegal room", async () => {
  const tab = await Tab.open(browser, server.page);
  await tab.screenshot("demo-welcome");
  await tab.at("room").fill("not a room");
  await tab.at("user").fill("alice");
  await tab.at("join").click();
  assert.ok(await tab.at("join-form").isVisible(), "still there");
  const here = room();
  await tab.at("room").fill(here);
  await tab.at("join").click();
  await tab.joined();
  assert.equal(await tab.at("room-name").textContent(), here);
  assert.match(tab.page.url(), /user=alice/, "a reload joins again");
  const wrong = await Tab.open(browser, `${server.page}?user=alice&room=a/b`);
  assert.match(await wrong.at("problem").textContent(), /not a room/);
});

test("a name that looks like markup is shown as text", async () => {
  const here = room();
  const alice = await open("alice", here);
  const name = '<img src=x onerror="document.title=1">';
  const guest = await open(name, here);
  await alice.at("note-joined").filter({ hasText: name }).waitFor();
  assert.deepEqual(await alice.roster(), [name, "alice"].sort());
  assert.equal(await alice.page.locator("#roster img, #log img").count(), 0);
  assert.deepEqual([...alice.problems, ...guest.problems], []);
});

test("it fits a phone, in the dark", async () => {
  const here = room();
  const alice = await open("alice", here, { viewport: { width: 380, height: 700 }, colorScheme: "dark" });
  const bob = await open("bob", here);
  await alice.note("joined", "bob").waitFor();
  await bob.say("A rather long message, so that it has to wrap at least once on a narrow screen like this one.");
  await alice.message("A rather long message").waitFor();
  await alice.screenshot("demo-phone-dark");
  const overflow = await alice.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `scrolls sideways by ${overflow} px`);
  assert.ok(await alice.at("text").isVisible());
});
