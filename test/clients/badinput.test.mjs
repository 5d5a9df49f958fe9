// Bad input gets an ERROR frame that says what is wrong, then a close with the
// right code; nobody else notices.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { WebSocket } from "ws";
import { Inbox, patience } from "./lib/inbox.mjs";
import { dial, Person } from "./lib/person.mjs";
import { room, server } from "./lib/server.mjs";

const running = server();

const connect = "CONNECT\naccept-version:1.2\nhost:x\nlogin:mallory\n\n\0";

/** The frames in a text, as command and headers. */
function parse(text) {
  return text.split("\0").map((part) => part.replace(/^[\r\n]+/, "")).filter(Boolean).map((part) => {
    const [head, ...body] = part.split("\n\n");
    const [command, ...lines] = head.split("\n");
    const headers = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]));
    return { command, headers, body: body.join("\n\n") };
  });
}

/** A socket without a STOMP client: says what it is told to. */
async function raw(protocols = ["v12.stomp"]) {
  const socket = dial(running.socket, protocols);
  const frames = new Inbox("raw socket");
  socket.on("message", (data) => parse(data.toString()).forEach((frame) => frames.add(frame)));
  const closed = new Promise((resolve) => socket.once("close", (code, reason) => resolve({ code, reason: String(reason) })));
  socket.on("error", () => {}); // the close says it
  await once(socket, "open");
  const welcomed = async () => {
    socket.send(connect);
    await frames.wait("CONNECTED", (frame) => frame.command === "CONNECTED");
  };
  return { socket, frames, closed, welcomed };
}

const soon = (promise) => Promise.race([
  promise,
  new Promise((_, reject) => setTimeout(() => reject(new Error(`no close within ${patience} ms`)), patience).unref()),
]);

const frame = (command, headers, body = "") =>
  `${command}\n${Object.entries(headers).map(([key, value]) => `${key}:${value}\n`).join("")}\n${body}\0`;

const cases = [
  { name: "bytes that are not STOMP", early: true, send: "GET / HTTP/1.1\r\n\r\n\0", codes: [1002] },
  { name: "binary noise", early: true, send: Buffer.from([0xff, 0xfe, 0x00, 0x01, 0x00]), codes: [1002, 1007] },
  { name: "SUBSCRIBE before CONNECT", early: true, send: frame("SUBSCRIBE", { id: "1", destination: "/topic/x" }), codes: [1002, 1008] },
  { name: "CONNECT without a user", early: true, send: "CONNECT\naccept-version:1.2\nhost:x\n\n\0", codes: [1002, 1008] },
  { name: "no common version", early: true, send: "CONNECT\naccept-version:9.9\nhost:x\nlogin:mallory\n\n\0", codes: [1002] },
  { name: "an unknown command", send: frame("FROBNICATE", {}), codes: [1002] },
  { name: "SUBSCRIBE without an id", send: frame("SUBSCRIBE", { destination: "/topic/x", receipt: "r1" }), codes: [1002], receipt: "r1" },
  { name: "SUBSCRIBE without a destination", send: frame("SUBSCRIBE", { id: "1" }), codes: [1002] },
  { name: "an illegal channel name", send: frame("SUBSCRIBE", { id: "1", destination: "/topic/a b" }), codes: [1002, 1008] },
  { name: "a personal channel", send: frame("SUBSCRIBE", { id: "1", destination: "/topic/@alice" }), codes: [1002, 1008] },
  { name: "a channel name that is too long", send: frame("SUBSCRIBE", { id: "1", destination: `/topic/${"x".repeat(129)}` }), codes: [1002, 1008] },
  { name: "SEND to a personal channel", send: frame("SEND", { destination: "/topic/@alice" }, "hi"), codes: [1002, 1008] },
  { name: "an undefined escape", send: frame("SUBSCRIBE", { id: "\\q", destination: "/topic/x" }), codes: [1002] },
  { name: "a frame beyond the limit", send: frame("SEND", { destination: "/topic/x" }, "x".repeat(200_000)), codes: [1009] },
];

for (const { name, early, send, codes, receipt } of cases) {
  test(`${name}: ERROR, then a close; a neighbour notices nothing`, async () => {
    const here = room();
    const neighbour = await Person.connect(running.socket, "neighbour");
    const seat = await neighbour.join(here);

    const mallory = await raw();
    if (!early) await mallory.welcomed();
    mallory.socket.send(send);
    const error = await mallory.frames.wait("ERROR", (frame) => frame.command === "ERROR");
    assert.ok(error.headers.message, "a reason");
    assert.ok(["now", "later", "never"].includes(error.headers.retry), `retry says what to do: ${error.headers.retry}`);
    if (receipt) assert.equal(error.headers["receipt-id"], receipt);
    const close = await soon(mallory.closed);
    assert.ok(codes.includes(close.code), `closed with ${close.code} ${close.reason}, want ${codes}`);

    await seat.fence();
    assert.equal(neighbour.errors.items.length, 0);
    await neighbour.leave();
  });
}

test("a subprotocol that nobody speaks: ERROR, then a close", async () => {
  // ws, like a browser, ends a handshake without the subprotocol it asked for
  // by itself; a client that asks by a header of its own reads on.
  const socket = dial(running.socket, ["v99.soap"]);
  const [error] = await once(socket, "error");
  assert.match(error.message, /subprotocol/);

  const reader = new WebSocket(running.socket, { headers: { "Sec-WebSocket-Protocol": "v99.soap" } });
  const frames = [];
  reader.on("message", (data) => frames.push(...parse(data.toString())));
  const refusal = once(reader, "error").then(([reason]) => reason.message);
  const [code] = await soon(Promise.race([once(reader, "close"), refusal.then((text) => { throw new Error(text); })]));
  assert.equal(code, 1002);
  assert.deepEqual(frames.map(({ command, headers }) => [command, headers.message, headers.retry]), [["ERROR", "protocol_error", "never"]]);
  assert.match(frames[0].body, /v12\.stomp, v11\.stomp, v10\.stomp/);
});

test("no subprotocol is fine", async () => {
  const { socket, closed, welcomed } = await raw([]);
  await welcomed();
  socket.send(frame("DISCONNECT", { receipt: "bye" }));
  const { code } = await soon(closed);
  assert.ok([1000, 1005].includes(code), `closed with ${code}`);
});

test("a frame length with its top bit set costs only its sender", async () => {
  const neighbour = await Person.connect(running.socket, "neighbour");
  const seat = await neighbour.join(room());
  const { socket, closed, welcomed } = await raw();
  await welcomed();
  // Text, masked, 64-bit length 2^63 and a mask: 14 bytes, past the WebSocket library.
  socket._socket.write(Buffer.from([0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]));
  await soon(closed);
  await seat.fence();
  await neighbour.leave();
});
