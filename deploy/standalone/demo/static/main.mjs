// The page: what a user does goes to the connection, what arrives goes to the
// view. Parameters: ?user=alice&room=lobby joins at once.
import { Connection } from "./connection.mjs";
import { closingInWords } from "./reasons.mjs";
import { emptyRoster, fold } from "./roster.mjs";
import * as view from "./view.mjs";

const channelPattern = /^[A-Za-z0-9._:-]{1,128}$/;
const seenLimit = 1_000;

let connection = null;

function socketURL() {
  const url = new URL("ws", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

function pageURL(parameters) {
  const url = new URL(location.pathname, location.href);
  url.search = new URLSearchParams(parameters).toString();
  return url.href;
}

/** A name for the second tab of somebody who tries this alone. */
function somebodyElse(user) {
  const names = ["alice", "bob", "carol", "dave"].filter((name) => name !== user);
  return names[Math.floor(Math.random() * names.length)];
}

/** The text of a message; a body that isn't text comes as base64. */
function textOf({ body, encoding }) {
  if (encoding !== "base64") return body;
  return new TextDecoder().decode(Uint8Array.from(atob(body), (char) => char.charCodeAt(0)));
}

/** Remembers the last ids, so that a message is never shown twice. */
function firstTime(seen, id) {
  if (id === undefined) return true;
  if (seen.has(id)) return false;
  seen.add(id);
  if (seen.size > seenLimit) seen.delete(seen.values().next().value);
  return true;
}

function receiver(user) {
  let roster = emptyRoster();
  const seen = new Set();
  return (event) => {
    if (event.type === "message") {
      if (!firstTime(seen, event.id)) return;
      const from = event.user || "server";
      view.showMessage({ user: from, at: event.at, text: textOf(event), mine: from === user });
      return;
    }
    if (event.type === "session.closing") {
      view.showBanner(`This session is about to end: ${closingInWords(event.reason)}. ${event.note ?? ""}`.trim());
      return;
    }
    const { roster: next, notes } = fold(roster, event);
    roster = next;
    view.showRoster(roster, user);
    notes.forEach(view.showNote);
  };
}

function stateChanged(state, { reason, delay, detail }) {
  view.showState(state);
  if (state === "waiting") {
    view.showBanner(`Not connected: ${closingInWords(reason)}. Trying again in ${Math.ceil(delay / 1000)} s.`);
  } else if (state === "ended") {
    view.showSession("");
    view.showBanner(`Disconnected for good: ${closingInWords(reason)}. ${detail ?? ""}`.trim());
  } else if (state === "joined") {
    view.showBanner("");
  }
}

function join(user, room) {
  history.replaceState(null, "", pageURL({ user, room }));
  const other = somebodyElse(user);
  view.showRoom({ user, room, other, again: pageURL({ user: other, room }) });
  connection = new Connection({
    url: socketURL(),
    user,
    room,
    on: { state: stateChanged, session: view.showSession, event: receiver(user) },
  });
  connection.open();
}

async function leave() {
  const leaving = connection;
  connection = null;
  const { user, room } = Object.fromEntries(new URLSearchParams(location.search));
  history.replaceState(null, "", pageURL({}));
  view.showForm({ user, room });
  view.showBanner("");
  view.showState("idle");
  view.showSession("");
  await leaving?.close();
}

async function send() {
  const input = document.getElementById("text");
  const text = input.value;
  if (!text.trim() || !connection) return;
  input.value = "";
  try {
    await connection.send(text);
  } catch (error) {
    view.showProblem(`Your message was ${error.message}: ${text}`);
  }
}

function onSubmit(id, act) {
  document.getElementById(id).addEventListener("submit", (event) => {
    event.preventDefault();
    act(new FormData(event.target));
  });
}

onSubmit("join-form", (form) => join(form.get("user").trim(), form.get("room")));
onSubmit("send-form", send);
document.getElementById("leave").addEventListener("click", leave);
addEventListener("online", () => connection?.hurry());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") connection?.hurry();
});

const asked = new URLSearchParams(location.search);
const user = asked.get("user")?.trim() ?? "";
const room = asked.get("room") ?? "lobby";
if (!channelPattern.test(room)) {
  view.showForm({ user, room, problem: "This is not a room's name: letters, digits and . _ : - only." });
} else if (user) {
  join(user, room);
} else {
  view.showForm({ room });
}
