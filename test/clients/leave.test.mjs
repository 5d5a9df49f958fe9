import assert from "node:assert/strict";
import { test } from "node:test";
import { Person } from "./lib/person.mjs";
import { afterGrace, grace, lag, room, server } from "./lib/server.mjs";

const running = server();

/** alice in a room of her own, and bob who has joined it. */
async function aliceAndBob() {
  const here = room();
  const alice = await Person.connect(running.socket, "alice");
  const seat = await alice.join(here);
  const bob = await Person.connect(running.socket, "bob");
  await bob.join(here);
  await seat.joined("bob");
  return { here, alice, seat, bob };
}

test("a broken connection is told once, after the grace, as connection_lost", async () => {
  const { alice, seat, bob } = await aliceAndBob();
  const began = performance.now();
  await bob.vanish();
  const left = await seat.left("bob", { ms: grace + lag });
  const took = performance.now() - began;
  assert.ok(took >= grace - 50, `told after ${took} ms, not before the grace of ${grace} ms`);
  assert.equal(left.reason, "connection_lost");
  assert.equal(left.initiator ?? "network", "network");
  assert.ok(!Number.isNaN(Date.parse(left.last_seen)), `last_seen is a time: ${left.last_seen}`);
  await afterGrace(seat);
  assert.equal(seat.count("left", "bob"), 1);
  assert.deepEqual(seat.roster(), ["alice"]);
  await alice.leave();
});

test("DISCONNECT is told at once, as client_disconnect", async () => {
  const { alice, seat, bob } = await aliceAndBob();
  const began = performance.now();
  await bob.leave();
  const left = await seat.left("bob");
  const took = performance.now() - began;
  assert.ok(took < grace, `told after ${took} ms, without the grace of ${grace} ms`);
  assert.equal(left.reason, "client_disconnect");
  await afterGrace(seat);
  assert.equal(seat.count("left", "bob"), 1);
  await alice.leave();
});

test("who is back within the grace has never left", async () => {
  const { here, alice, seat, bob } = await aliceAndBob();
  const mark = seat.mark;
  await bob.vanish();
  const again = await Person.connect(running.socket, "bob");
  const his = await again.join(here);
  assert.notEqual(again.session, bob.session);
  await afterGrace(seat);
  assert.equal(seat.count("left", "bob", mark), 0, "no left");
  assert.equal(seat.count("joined", "bob", mark), 0, "no second joined");
  assert.deepEqual(his.roster(), ["alice", "bob"]);
  // The return must not have made bob immortal either.
  await again.leave();
  await seat.left("bob");
  await alice.leave();
});

test("who comes back after the grace has left and joined", async () => {
  const { here, alice, seat, bob } = await aliceAndBob();
  await bob.vanish();
  await seat.left("bob", { ms: grace + lag });
  const mark = seat.mark;
  const again = await Person.connect(running.socket, "bob");
  await again.join(here);
  await seat.joined("bob", { from: mark });
  await Promise.all([alice.leave(), again.leave()]);
});

test("a user with two devices joins once and leaves with the last", async () => {
  const { here, alice, seat, bob: phone } = await aliceAndBob();
  const laptop = await Person.connect(running.socket, "bob");
  await laptop.join(here);
  await phone.leave();
  await afterGrace(seat);
  assert.equal(seat.count("joined", "bob"), 1, "one join for two devices");
  assert.equal(seat.count("left", "bob"), 0, "one device is still there");
  await laptop.vanish();
  assert.equal((await seat.left("bob", { ms: grace + lag })).reason, "connection_lost");
  await afterGrace(seat);
  assert.equal(seat.count("left", "bob"), 1);
  await alice.leave();
});

test("twenty leave at once: each is told exactly once", async () => {
  const here = room();
  const alice = await Person.connect(running.socket, "alice");
  const seat = await alice.join(here);
  const names = Array.from({ length: 20 }, (_, n) => `guest-${n}`);
  const guests = await Promise.all(names.map((name) => Person.connect(running.socket, name)));
  await Promise.all(guests.map((guest) => guest.join(here)));
  await Promise.all(names.map((name) => seat.joined(name)));
  await Promise.all(guests.map((guest) => guest.vanish()));
  await Promise.all(names.map((name) => seat.left(name, { ms: grace + 2 * lag })));
  await afterGrace(seat);
  for (const name of names) assert.equal(seat.count("left", name), 1, name);
  assert.deepEqual(seat.roster(), ["alice"]);
  await alice.leave();
});
