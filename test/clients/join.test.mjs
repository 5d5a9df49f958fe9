import assert from "node:assert/strict";
import { test } from "node:test";
import { Person } from "./lib/person.mjs";
import { room, server } from "./lib/server.mjs";

const running = server();

test("CONNECTED tells the session's id and the user", async () => {
  const alice = await Person.connect(running.socket, "alice");
  assert.match(alice.session, /^[0-9A-HJKMNP-TV-Z]{26}$/, "a ULID");
  assert.equal(alice.welcome["user-name"], "alice");
  assert.equal(alice.welcome.version, "1.2");
  await alice.leave();
});

test("who joins gets the roster, who is there hears of it", async () => {
  const here = room();
  const alice = await Person.connect(running.socket, "alice");
  const hers = await alice.join(here);
  const first = await hers.state();
  assert.equal(first.channel, here);
  assert.equal(first.truncated, false);
  assert.match(first.version, /^\d+:\d+$/);

  const bob = await Person.connect(running.socket, "bob");
  const his = await bob.join(here);
  await hers.joined("bob");
  await his.fence();
  await hers.fence();
  assert.deepEqual(his.roster(), ["alice", "bob"]);
  assert.deepEqual(hers.roster(), ["alice", "bob"]);
  assert.equal(hers.count("joined", "bob"), 1);
  await Promise.all([alice.leave(), bob.leave()]);
});

test("a receipt for SUBSCRIBE comes after the snapshot", async () => {
  const alice = await Person.connect(running.socket, "alice");
  const seat = await alice.join(room());
  assert.equal(seat.inbox.items[0]?.type, "presence.state", "the state is there when the receipt is");
  await alice.leave();
});

test("every frame names its destination, subscription, type and event", async () => {
  const here = room();
  const alice = await Person.connect(running.socket, "alice");
  const seat = await alice.join(here);
  await alice.send(here, "hello");
  const { headers } = await seat.message("hello");
  assert.equal(headers.destination, `/topic/${here}`);
  assert.equal(headers.subscription, seat.subscription.id);
  assert.match(headers["content-type"], /^application\/json/);
  assert.equal(headers.event, "message");
  assert.ok(headers["message-id"], "a message-id");
  await alice.leave();
});

test("versions grow, and count follows the roster", async () => {
  const here = room();
  const alice = await Person.connect(running.socket, "alice");
  const seat = await alice.join(here);
  for (const user of ["bob", "carol"]) {
    const person = await Person.connect(running.socket, user);
    await person.join(here);
    await seat.joined(user);
    await person.leave();
    await seat.left(user);
  }
  const changes = seat.inbox.items.filter((event) => event.type.startsWith("presence."));
  const offsets = changes.map((event) => Number(event.version.split(":")[1]));
  for (const [at, offset] of offsets.entries()) {
    assert.ok(at === 0 || offset > offsets[at - 1], `versions grow: ${offsets}`);
  }
  assert.equal(changes.at(-1).count, 1);
  await alice.leave();
});

test("UNSUBSCRIBE leaves the room, not the session", async () => {
  const here = room();
  const alice = await Person.connect(running.socket, "alice");
  const seat = await alice.join(here);
  const bob = await Person.connect(running.socket, "bob");
  const his = await bob.join(here);
  await seat.joined("bob");
  his.subscription.unsubscribe();
  assert.equal((await seat.left("bob")).reason, "unsubscribed");
  await (await bob.join(room())).state();
  await Promise.all([alice.leave(), bob.leave()]);
});
