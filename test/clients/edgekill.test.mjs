// kill -9 of an edge: its users are told as gone by another edge, with the
// reason edge_lost, unless they come back in time.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as elapse } from "node:timers/promises";
import { startEdge, startStandalone } from "./lib/processes.mjs";
import { dropEverybody, Person } from "./lib/person.mjs";
import { room } from "./lib/server.mjs";

const lease = 5_000;
const grace = 2_000;
const lag = 2_000;
const alone = Boolean(process.env.ROLLCALL_WS_URL); // somebody else's server: it isn't ours to kill

let main;
let second;

before(async () => {
  if (alone) return;
  main = await startStandalone({ leaveDelay: `${grace}ms`, args: [`--edge-lease=${lease}ms`] });
});

afterEach(dropEverybody);

after(async () => {
  await second?.child.kill();
  await main?.child.stop();
});

/** A second edge, alice at the first one and the named at the second. */
async function twoEdges(id, names) {
  second = await startEdge({ kafka: main.kafka, id });
  const here = room();
  const alice = await Person.connect(main.socket, "alice");
  const seat = await alice.join(here);
  const people = await Promise.all(names.map((name) => Person.connect(second.socket, name)));
  await Promise.all(people.map((person) => person.join(here)));
  await Promise.all(names.map((name) => seat.joined(name)));
  return { here, alice, seat, people };
}

test("users of a killed edge are told as edge_lost, each once, in time", { skip: alone }, async () => {
  const names = ["bob", "carol", "dave"];
  const { alice, seat, people } = await twoEdges("edge-b", names);
  const began = performance.now();
  await second.child.kill();
  await Promise.all(people.map((person) => person.closed));
  for (const name of names) {
    const left = await seat.left(name, { ms: lease + grace + lag - (performance.now() - began) });
    assert.equal(left.reason, "edge_lost");
  }
  await elapse(grace + lag);
  await seat.fence();
  for (const name of names) assert.equal(seat.count("left", name), 1, name);
  assert.deepEqual(seat.roster(), ["alice"]);
  await alice.leave();
});

test("who is back at another edge before the lease ends has never left", { skip: alone }, async () => {
  const { here, alice, seat } = await twoEdges("edge-c", ["erin"]);
  const mark = seat.mark;
  await second.child.kill();
  const again = await Person.connect(main.socket, "erin");
  await again.join(here);
  await elapse(lease + grace + lag);
  await seat.fence();
  assert.equal(seat.count("left", "erin", mark), 0, "no left");
  assert.equal(seat.count("joined", "erin", mark), 0, "no second joined");
  await again.leave();
  assert.equal((await seat.left("erin", { from: mark })).reason, "client_disconnect");
  await alice.leave();
});

test("an edge that returns under its own id leaves no ghost", { skip: alone }, async () => {
  const { alice, seat } = await twoEdges("edge-d", ["frank"]);
  await second.child.kill();
  second = await startEdge({ kafka: main.kafka, id: "edge-d" });
  const left = await seat.left("frank", { ms: lease + grace + 2 * lag });
  assert.equal(left.reason, "edge_lost");
  await alice.leave();
});
