// One room, one STOMP connection at a time, and the decision what to do when it
// ends. stompjs's own reconnect has a fixed delay and doesn't know the `retry`
// header, so it is switched off and each attempt gets a client of its own.
import { reconnectDelay } from "./backoff.mjs";

const { Client } = globalThis.StompJs;

/**
 * A session that held for this long was a success. Without a minimum, a server
 * that accepts everybody and then fails would be hammered.
 */
const successMs = 5_000;

/** How long a DISCONNECT may wait for its receipt before the socket is dropped. */
const farewellMs = 5_000;

export class Connection {
  #url; #user; #room; #on;
  #client = null;
  #timer = null;
  #attempt = 0;
  #joinedAt = null;
  #verdict = null; // what the server's ERROR frame said of this attempt

  /**
   * @param on callbacks: state(name, detail), session(id), event(payload)
   */
  constructor({ url, user, room, on }) {
    this.#url = url;
    this.#user = user;
    this.#room = room;
    this.#on = on;
  }

  open() {
    this.#stopTimer();
    this.#verdict = null;
    this.#on.state(this.#attempt ? "reconnecting" : "connecting", {});
    const client = new Client({
      brokerURL: this.#url,
      connectHeaders: { login: this.#user },
      reconnectDelay: 0,
      connectionTimeout: 15_000,
      // Browsers run a background tab's timers once a minute: heart-beats sent
      // from here would be late and end healthy sessions. The browser answers
      // the server's WebSocket pings by itself. Incoming beats are only watched.
      heartbeatOutgoing: 0,
      heartbeatIncoming: 10_000,
      onConnect: (frame) => this.#connected(client, frame),
      onStompError: (frame) => this.#errored(client, frame),
      onWebSocketClose: (event) => this.#closed(client, event),
    });
    this.#client = client;
    client.activate();
  }

  /** Publishes a text; resolves once the server has it in its log. */
  send(text) {
    const client = this.#client;
    if (!client?.connected) return Promise.reject(new Error("not connected"));
    const receipt = crypto.getRandomValues(new Uint32Array(2)).join("-");
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error("not confirmed")), 10_000);
      client.watchForReceipt(receipt, () => { clearTimeout(late); resolve(); });
      client.publish({
        destination: `/topic/${this.#room}`,
        body: text,
        headers: { receipt, "content-type": "text/plain;charset=utf-8" },
      });
    });
  }

  /** Leaves for good: DISCONNECT, so that others are told at once. */
  async close() {
    this.#stopTimer();
    const client = this.#client;
    this.#client = null;
    if (!client) return;
    const drop = setTimeout(() => client.deactivate({ force: true }), farewellMs);
    await client.deactivate();
    clearTimeout(drop);
  }

  /** Tries now instead of after the rest of the delay. */
  hurry() {
    if (this.#timer) this.open();
  }

  #stopTimer() {
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  #connected(client, frame) {
    if (client !== this.#client) return;
    this.#on.session(frame.headers.session ?? "");
    const deliver = (message) => {
      if (client === this.#client) this.#on.event(JSON.parse(message.body));
    };
    client.subscribe("/user/queue/session", deliver, { id: "session" });
    const receipt = "joined";
    client.watchForReceipt(receipt, () => {
      if (client !== this.#client) return;
      this.#joinedAt = performance.now();
      this.#on.state("joined", {});
    });
    client.subscribe(`/topic/${this.#room}`, deliver, { id: "room", receipt });
    this.#on.state("connected", {});
  }

  #errored(client, frame) {
    if (client !== this.#client) return;
    this.#verdict = { reason: frame.headers.message, retry: frame.headers.retry, detail: frame.body };
  }

  #closed(client, event) {
    if (client !== this.#client) return;
    this.#client = null;
    if (this.#joinedAt !== null && performance.now() - this.#joinedAt >= successMs) this.#attempt = 0;
    this.#joinedAt = null;
    const verdict = this.#verdict ?? { reason: event.reason || "connection_lost" };
    const delay = reconnectDelay(verdict.retry, this.#attempt++);
    if (delay === null) {
      this.#on.state("ended", verdict);
      return;
    }
    this.#timer = setTimeout(() => { this.#timer = null; this.open(); }, delay);
    this.#on.state("waiting", { ...verdict, delay });
  }
}
