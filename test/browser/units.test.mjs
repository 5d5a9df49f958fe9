// The page's pure parts, without a browser.
import assert from "node:assert/strict";
import { test } from "node:test";
import { reconnectDelay } from "../../deploy/standalone/demo/static/backoff.mjs";
import { closingInWords, departureInWords } from "../../deploy/standalone/demo/static/reasons.mjs";
import { emptyRoster, fold, parseVersion } from "../../deploy/standalone/demo/static/roster.mjs";

const member = (user) => ({ user, since: "2026-01-01T00:00:00Z", meta: {} });
const state = (offset, users, more = {}) =>
  ({ type: "presence.state", channel: "r", version: `7:${offset}`, count: users.length, truncated: false, members: users.map(member), ...more });
const diff = (offset, count, changes) =>
  ({ type: "presence.diff", channel: "r", version: `7:${offset}`, count, joined: [], updated: [], left: [], ...changes });

const names = (roster) => [...roster.members.keys()];
const run = (...events) => events.reduce(({ roster }, event) => fold(roster, event), { roster: emptyRoster() });

test("a state is the roster, without notes", () => {
  const { roster, notes } = run(state(5, ["alice", "bob"]));
  assert.deepEqual(names(roster), ["alice", "bob"]);
  assert.equal(roster.count, 2);
  assert.deepEqual(notes, []);
});

test("a diff joins, leaves with its reason, and updates", () => {
  const left = [{ user: "bob", reason: "connection_lost", last_seen: "2026-01-01T00:00:00Z" }];
  const { roster, notes } = run(state(5, ["alice", "bob"]), diff(6, 2, { left, joined: [member("carol")] }));
  assert.deepEqual(names(roster), ["alice", "carol"]);
  assert.deepEqual(notes, [
    { kind: "left", user: "bob", reason: "connection_lost", lastSeen: "2026-01-01T00:00:00Z" },
    { kind: "joined", user: "carol" },
  ]);
  const updated = fold(roster, diff(7, 2, { updated: [{ user: "carol", status: "away" }] }));
  assert.deepEqual(updated.roster.members.get("carol"), { ...member("carol"), status: "away" });
  assert.deepEqual(updated.notes, []);
});

test("who is in both lists has left and come back", () => {
  const { roster, notes } = run(state(5, ["bob"]), diff(6, 1, { left: [{ user: "bob", reason: "edge_lost" }], joined: [member("bob")] }));
  assert.deepEqual(names(roster), ["bob"]);
  assert.deepEqual(notes.map((note) => note.kind), ["left", "joined"]);
});

test("a diff at or below the roster's version, or before a state, changes nothing", () => {
  for (const offset of [4, 5]) {
    const { roster, notes } = run(state(5, ["alice"]), diff(offset, 2, { joined: [member("bob")] }));
    assert.deepEqual(names(roster), ["alice"]);
    assert.deepEqual(notes, []);
  }
  assert.equal(run(diff(5, 1, { joined: [member("bob")] })).roster.known, false);
});

test("a new state after a reconnect says who came and went meanwhile", () => {
  const { roster, notes } = run(state(5, ["alice", "bob"]), state(9, ["alice", "carol"]));
  assert.deepEqual(names(roster), ["alice", "carol"]);
  assert.deepEqual(notes, [{ kind: "left", user: "bob", away: true }, { kind: "joined", user: "carol", away: true }]);
});

test("a truncated state doesn't tell who is absent", () => {
  const { roster, notes } = run(state(5, ["alice", "bob"]), state(9, ["alice"], { truncated: true, count: 5_000 }));
  assert.equal(roster.count, 5_000);
  assert.deepEqual(notes, []);
});

test("versions", () => {
  assert.deepEqual(parseVersion("7:41020"), { partition: 7, offset: 41020 });
  for (const text of ["", undefined, "7", "7:", "a:b", "7:1:2"]) assert.equal(parseVersion(text), null);
});

test("reasons are words, and an unknown one shows as it is", () => {
  assert.equal(departureInWords("connection_lost"), "lost the connection");
  assert.equal(departureInWords("abducted"), "abducted");
  assert.equal(departureInWords("constructor"), "constructor");
  assert.equal(closingInWords(undefined), "for an unknown reason");
});

test("reconnecting: never, later, now, and a broken connection", () => {
  const edges = (retry, attempt) => [0, 1].map((random) => reconnectDelay(retry, attempt, () => random));
  assert.equal(reconnectDelay("never", 0), null);
  assert.deepEqual(edges("later", 0), [5_000, 15_000]);
  assert.deepEqual(edges("now", 0), [100, 1_000]);
  assert.deepEqual(edges(undefined, 0), [100, 1_000]);
  assert.deepEqual(edges(undefined, 20), [3_000, 30_000]);
  assert.deepEqual(edges("later", 20), [20_000, 60_000]);
});
