// A user with one session, on the stock client: @stomp/stompjs over ws.
import { Client } from "@stomp/stompjs";
import { WebSocket } from "ws";
import { Inbox, patience } from "./inbox.mjs";

let receipts = 0;

/** Sockets that a failed test has left open, or the run would never end. */
const open = new Set();

/** Ends whatever the last test has left. */
export function dropEverybody() {
  for (const socket of open) socket.terminate();
  open.clear();
}

/** A WebSocket that doesn't outlive its test. */
export function dial(url, protocols) {
  const socket = new WebSocket(url, protocols);
  open.add(socket);
  socket.once("close", () => open.delete(socket));
  return socket;
}

/** Rejects when the promise takes longer than `ms`. */
function within(ms, what, promise) {
  let late;
  const limit = new Promise((_, reject) => { late = setTimeout(() => reject(new Error(`no ${what} within ${ms} ms`)), ms); });
  return Promise.race([promise, limit]).finally(() => clearTimeout(late));
}

export class Person {
  /**
   * Connects; resolves once CONNECTED has come. `url` may also be a function that
   * makes the socket.
   */
  static async connect(url, user, headers = {}) {
    const person = new Person(url, user, headers);
    await within(patience, `CONNECTED for ${user}`, person.connected);
    return person;
  }

  constructor(url, user, headers) {
    this.user = user;
    this.errors = new Inbox(`ERROR frames of ${user}`);
    this.closed = new Promise((resolve) => { this.onClosed = resolve; });
    this.connected = new Promise((resolve, reject) => {
      this.client = new Client({
        connectHeaders: { login: user, ...headers },
        reconnectDelay: 0,
        webSocketFactory: () => (this.socket = typeof url === "function" ? url() : dial(url, ["v12.stomp", "v11.stomp", "v10.stomp"])),
        onConnect: (frame) => { this.session = frame.headers.session; this.welcome = frame.headers; resolve(); },
        onStompError: (frame) => { this.errors.add({ ...frame.headers, body: frame.body }); reject(new Error(`ERROR: ${frame.headers.message}`)); },
        onWebSocketClose: (event) => { this.onClosed({ code: event.code, reason: event.reason }); reject(new Error(`closed: ${event.code} ${event.reason}`)); },
      });
    });
    this.connected.catch(() => {}); // whoever awaits it is told; nobody else has to
    this.client.activate();
  }

  /** Resolves when the server confirms what `act` sends with this receipt. */
  confirmed(what, act) {
    const receipt = `${what}-${++receipts}`;
    const answer = new Promise((resolve) => this.client.watchForReceipt(receipt, resolve));
    act(receipt);
    return within(patience, `receipt for ${what} of ${this.user}`, answer);
  }

  /** SUBSCRIBE to a destination; resolves to its inbox at the receipt. */
  async subscribe(destination) {
    const inbox = new Inbox(`${this.user} at ${destination}`);
    let subscription;
    await this.confirmed("subscribe", (receipt) => {
      subscription = this.client.subscribe(destination, (message) => {
        inbox.add({ ...JSON.parse(message.body), headers: message.headers });
      }, { receipt });
    });
    return new Seat(this, destination, inbox, subscription);
  }

  join(room) {
    return this.subscribe(`/topic/${room}`);
  }

  send(room, body) {
    return this.confirmed("send", (receipt) => {
      this.client.publish({ destination: `/topic/${room}`, body, headers: { receipt } });
    });
  }

  /** DISCONNECT with a receipt, then the close. */
  leave() {
    return within(patience, `end of ${this.user}`, this.client.deactivate());
  }

  /** The connection breaks without a word. */
  vanish() {
    this.socket.terminate();
    return this.closed;
  }
}

/** One person's subscription to one room: what arrived there. */
export class Seat {
  constructor(person, destination, inbox, subscription) {
    this.person = person;
    this.room = destination.replace("/topic/", "");
    this.inbox = inbox;
    this.subscription = subscription;
  }

  get mark() {
    return this.inbox.mark;
  }

  state() {
    return this.inbox.wait("presence.state", (event) => event.type === "presence.state");
  }

  /** The first diff that says this user joined. */
  joined(user, options) {
    return this.inbox.wait(`joined of ${user}`, (event) => changes(event, "joined", user).length > 0, options);
  }

  /** The departure of this user: user, reason, last_seen. */
  async left(user, options) {
    const diff = await this.inbox.wait(`left of ${user}`, (event) => changes(event, "left", user).length > 0, options);
    return changes(diff, "left", user)[0];
  }

  message(body, options) {
    return this.inbox.wait(`message ${body}`, (event) => event.type === "message" && event.body === body, options);
  }

  /** How often this user was told as joined or left, behind a mark. */
  count(kind, user, from = 0) {
    return this.inbox.items.slice(from).flatMap((event) => changes(event, kind, user)).length;
  }

  /**
   * A message of one's own that came back: as a channel has one order, all that
   * was decided before it has arrived too.
   */
  async fence() {
    const body = `fence-${++receipts}`;
    await this.person.send(this.room, body);
    await this.message(body);
  }

  /** State and diffs folded: user → member. */
  roster() {
    const members = new Map();
    for (const event of this.inbox.items) {
      if (event.type === "presence.state") members.clear();
      for (const member of event.members ?? []) members.set(member.user, member);
      for (const gone of event.left ?? []) members.delete(gone.user);
      for (const member of event.joined ?? []) members.set(member.user, member);
    }
    return [...members.keys()].sort();
  }
}

function changes(event, kind, user) {
  if (event.type !== "presence.diff") return [];
  return (event[kind] ?? []).filter((change) => change.user === user);
}
