// The stock clients of a page made for Spring: sockjs-client under stompjs, over
// each of its transports.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import SockJS from "sockjs-client";
import { Person } from "./lib/person.mjs";
import { afterGrace, grace, lag, room, server } from "./lib/server.mjs";

const running = server();

/** Sockets that a failed test has left open, or the run would never end. */
const open = new Set();

afterEach(() => {
  for (const socket of open) socket.close();
  open.clear();
});

/** What `new SockJS(...)` in a page does, held to one transport. */
function over(transport) {
  return () => {
    const url = running.socket.replace(/^ws/, "http").replace(/\/ws$/, "/sockjs");
    const socket = new SockJS(url, null, { transports: [transport] });
    open.add(socket);
    return socket;
  };
}

for (const transport of ["websocket", "xhr-streaming", "eventsource", "xhr-polling"]) {
  /** alice on a WebSocket of her own, and bob who has joined her over SockJS. */
  async function aliceAndBob() {
    const here = room();
    const alice = await Person.connect(running.socket, "alice");
    const seat = await alice.join(here);
    const bob = await Person.connect(over(transport), "bob");
    const his = await bob.join(here);
    await seat.joined("bob");
    return { here, alice, seat, bob, his };
  }

  test(`${transport}: join, messages both ways, leave`, async () => {
    const { here, alice, seat, bob, his } = await aliceAndBob();
    assert.equal(bob.socket.transport, transport);
    await his.fence();
    assert.deepEqual(his.roster(), ["alice", "bob"]);
    const large = `100% "größte" 🎉 \\n ${"x".repeat(20_000)}`; // stompjs cuts frames at 8 KB
    await bob.send(here, large);
    await seat.message(large);
    for (let n = 0; n < 50; n++) alice.client.publish({ destination: `/topic/${here}`, body: `message ${n}` });
    for (let n = 0; n < 50; n++) await his.message(`message ${n}`);
    await bob.leave();
    assert.equal((await seat.left("bob")).reason, "client_disconnect");
    await alice.leave();
  });

  test(`${transport}: a closed tab is told once`, async () => {
    const { alice, seat, bob } = await aliceAndBob();
    bob.socket.close(); // what sockjs-client does when its page is unloaded
    const left = await seat.left("bob", { ms: grace + lag + 5_000 });
    // A WebSocket says goodbye; the others can only break off.
    assert.equal(left.reason, transport === "websocket" ? "client_close" : "connection_lost");
    await afterGrace(seat);
    assert.equal(seat.count("left", "bob"), 1);
    await alice.leave();
  });

  test(`${transport}: who is kicked is told why`, async () => {
    const { alice, seat, bob } = await aliceAndBob();
    const answer = await fetch(`http://${running.presence}/v1/users/bob/sessions/${bob.session}`, { method: "DELETE" });
    assert.equal(answer.status, 202);
    const error = await bob.errors.wait("ERROR", () => true);
    assert.equal(error.message, "kicked");
    assert.equal(error.retry, "never");
    const end = await bob.closed;
    assert.deepEqual({ code: end.code, reason: end.reason }, { code: 1008, reason: "kicked" });
    assert.equal((await seat.left("bob")).reason, "kicked");
    await alice.leave();
  });
}
