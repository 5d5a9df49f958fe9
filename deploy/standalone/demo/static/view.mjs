// The page's elements. Everything that came from a user goes in as textContent:
// no markup is ever built from data.
import { departureInWords } from "./reasons.mjs";

const byId = (id) => document.getElementById(id);

/** Older lines are dropped: a page that stays open for a week stays small. */
const logLimit = 500;

const stateInWords = {
  idle: "not connected",
  connecting: "connecting",
  connected: "joining",
  joined: "connected",
  reconnecting: "reconnecting",
  waiting: "connection lost",
  ended: "disconnected",
};

/** An element with text, and the attributes that are not undefined. */
function element(tag, { text, children = [], ...attributes } = {}) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  node.append(...children);
  return node;
}

/** A hue per user, the same in every tab, so that people are told apart. */
function avatar(user) {
  let hash = 7;
  for (const char of user) hash = (hash * 31 + char.codePointAt(0)) % 360;
  const node = element("span", { class: "avatar", "aria-hidden": "true", text: [...user][0]?.toUpperCase() ?? "?" });
  node.style.setProperty("--hue", hash);
  return node;
}

function clock(at) {
  const date = at ? new Date(at) : new Date();
  const shown = Number.isNaN(date.getTime()) ? new Date() : date;
  return element("time", {
    datetime: shown.toISOString(),
    text: shown.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }),
    title: shown.toLocaleString(),
  });
}

function append(line) {
  const log = byId("log");
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  log.append(line);
  while (log.childElementCount > logLimit) log.firstElementChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

export function showForm({ user, room, problem }) {
  if (user !== undefined) byId("user").value = user;
  if (room !== undefined) byId("room").value = room;
  byId("problem").textContent = problem ?? "";
  byId("problem").hidden = !problem;
  byId("welcome").hidden = false;
  byId("chat").hidden = byId("place").hidden = byId("leave").hidden = true;
}

export function showRoom({ user, room, other, again }) {
  byId("user-name").textContent = user;
  byId("room-name").textContent = room;
  byId("again").href = again;
  byId("again").textContent = `Open a second tab as ${other}`;
  byId("welcome").hidden = true;
  byId("chat").hidden = byId("place").hidden = byId("leave").hidden = false;
  byId("log").replaceChildren();
  byId("roster").replaceChildren();
  byId("count").textContent = "0";
  byId("version-line").hidden = true;
  document.title = `${room} · Rollcall demo`;
  byId("text").focus();
}

export function showState(state) {
  const pill = byId("state");
  pill.dataset.state = state;
  pill.textContent = stateInWords[state] ?? state;
  byId("send").disabled = state !== "joined" && state !== "connected";
}

export function showSession(id) {
  byId("session-id").textContent = id || "none yet";
}

export function showBanner(text) {
  byId("banner").textContent = text ?? "";
  byId("banner").hidden = !text;
}

export function showRoster(roster, me) {
  const members = [...roster.members.values()].sort(
    (a, b) => (b.user === me) - (a.user === me) || a.user.localeCompare(b.user),
  );
  byId("roster").replaceChildren(...members.map((member) => rosterEntry(member, me)));
  byId("count").textContent = roster.count;
  const hidden = roster.count - members.length;
  byId("truncated").hidden = hidden <= 0;
  byId("truncated").textContent = hidden > 0 ? `and ${hidden} more` : "";
  if (roster.version) {
    byId("version").textContent = `${roster.version.partition}:${roster.version.offset}`;
    byId("version-line").hidden = false;
  }
}

function rosterEntry(member, me) {
  const name = element("bdi", { class: "name", text: member.user });
  const entry = element("li", { "data-testid": "member", "data-user": member.user, children: [avatar(member.user), name] });
  if (member.since) entry.title = `here since ${new Date(member.since).toLocaleTimeString()}`;
  if (member.status) entry.append(element("span", { class: "status", text: member.status }));
  if (member.user === me) entry.append(element("span", { class: "you", text: "you" }));
  return entry;
}

/** Somebody came or went; `away` means while this page was not connected. */
export function showNote({ kind, user, reason, lastSeen, away }) {
  const words = away
    ? kind === "left" ? "left while you were away" : "came while you were away"
    : kind === "left" ? `left: ${departureInWords(reason)}` : "joined";
  append(element("li", {
    class: `note ${kind}`,
    "data-testid": `note-${kind}`,
    "data-user": user,
    "data-reason": reason,
    children: [
      element("span", { class: "mark", "aria-hidden": "true", text: kind === "left" ? "←" : "→" }),
      element("span", { class: "words", children: [element("bdi", { class: "name", text: user }), ` ${words}`] }),
      clock(lastSeen),
    ],
  }));
}

export function showMessage({ user, at, text, mine }) {
  append(element("li", {
    class: mine ? "message mine" : "message",
    "data-testid": "message",
    "data-user": user,
    children: [
      avatar(user),
      element("div", { class: "bubble", children: [
        element("p", { class: "by", children: [element("bdi", { class: "name", text: user }), clock(at)] }),
        element("p", { class: "body", dir: "auto", text }),
      ] }),
    ],
  }));
}

export function showProblem(text) {
  append(element("li", { class: "note problem", "data-testid": "note-problem", children: [
    element("span", { class: "mark", "aria-hidden": "true", text: "!" }), element("span", { class: "words", text }), clock(),
  ] }));
}
