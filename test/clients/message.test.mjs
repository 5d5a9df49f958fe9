import assert from "node:assert/strict";
import { test } from "node:test";
import { Person } from "./lib/person.mjs";
import { room, server } from "./lib/server.mjs";

const running = server();

async function pair() {
  const here = room();
  const [alice, bob] = await Promise.all(["alice", "bob"].map((user) => Person.connect(running.socket, user)));
  const [hers, his] = await Promise.all([alice.join(here), bob.join(here)]);
  return { here, alice, bob, hers, his, end: () => Promise.all([alice.leave(), bob.leave()]) };
}

test("a message reaches everybody in the room, its sender too, once", async () => {
  const { here, alice, hers, his, end } = await pair();
  await alice.send(here, "hello");
  for (const seat of [hers, his]) {
    const message = await seat.message("hello");
    assert.equal(message.user, "alice");
    assert.equal(message.channel, here);
    assert.ok(message.id);
    assert.ok(!Number.isNaN(Date.parse(message.at)), `at is a time: ${message.at}`);
    await seat.fence();
    assert.equal(seat.inbox.items.filter((event) => event.body === "hello").length, 1);
  }
  await end();
});

test("messages keep their order", async () => {
  const { here, alice, his, end } = await pair();
  const sent = Array.from({ length: 50 }, (_, n) => `n${n}`);
  await Promise.all(sent.map((body) => alice.send(here, body)));
  await his.message(sent.at(-1));
  const got = his.inbox.items.filter((event) => event.type === "message").map((event) => event.body);
  assert.deepEqual(got, sent);
  await end();
});

test("text comes back as it was sent", async () => {
  const { here, alice, his, end } = await pair();
  for (const body of ["ünïcödé 🙂", "two\nlines", 'a "quote" and a \\', "<b>not markup</b>", " spaces "]) {
    await alice.send(here, body);
    assert.equal((await his.message(body)).user, "alice");
  }
  await end();
});

test("a message larger than one WebSocket message of a splitting client arrives whole", async () => {
  const { here, his, end } = await pair();
  const body = "x".repeat(20_000);
  const splitting = new Person(running.socket, "carol", {});
  splitting.client.splitLargeFrames = true;
  splitting.client.maxWebSocketChunkSize = 1_024;
  await splitting.connected;
  await splitting.send(here, body);
  assert.equal((await his.message(body)).user, "carol");
  await splitting.leave();
  await end();
});

test("a user's name may be any text", async () => {
  const here = room();
  const alice = await Person.connect(running.socket, "alice");
  const seat = await alice.join(here);
  for (const user of ["Ærøskøbing 🙂", "a/b", "100%", "with space"]) {
    const person = await Person.connect(running.socket, user);
    await person.join(here);
    await seat.joined(user);
    await person.leave();
    assert.equal((await seat.left(user)).user, user);
  }
  await alice.leave();
});

test("receipts come for every frame that asks", async () => {
  const { here, alice, end } = await pair();
  await alice.send(here, "one");
  const seat = await alice.subscribe("/user/queue/session");
  await alice.confirmed("unsubscribe", (receipt) => seat.subscription.unsubscribe({ receipt }));
  await end();
});
