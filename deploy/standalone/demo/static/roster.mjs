// Who is in the room: a pure fold of presence.state and presence.diff. No DOM
// and no clock, so that it can be tested in Node.

/** @returns an empty roster, before the first state. */
export const emptyRoster = () => ({ known: false, count: 0, truncated: false, version: null, members: new Map() });

/** "partition:offset" → numbers, or null. */
export function parseVersion(text) {
  const match = /^(\d+):(\d+)$/.exec(text ?? "");
  return match ? { partition: Number(match[1]), offset: Number(match[2]) } : null;
}

/** A diff is old when it doesn't lie above the roster's position in the log. */
function isOld(roster, text) {
  const version = parseVersion(text);
  if (!version || !roster.version) return false;
  return version.partition === roster.version.partition && version.offset <= roster.version.offset;
}

/**
 * Applies a presence.state: the whole roster, replacing what was known.
 * After a reconnect the notes say who came and went meanwhile, as far as both
 * rosters are whole (a truncated one doesn't tell who is absent).
 * @returns {{roster, notes: {kind: string, user: string, away: boolean}[]}}
 */
function applyState(roster, state) {
  const members = new Map(state.members.map((member) => [member.user, member]));
  const notes = [];
  if (roster.known && !roster.truncated && !state.truncated) {
    for (const user of roster.members.keys()) if (!members.has(user)) notes.push({ kind: "left", user, away: true });
    for (const user of members.keys()) if (!roster.members.has(user)) notes.push({ kind: "joined", user, away: true });
  }
  const next = { known: true, count: state.count, truncated: Boolean(state.truncated), version: parseVersion(state.version), members };
  return { roster: next, notes };
}

/**
 * Applies a presence.diff. Departures come first: a user in both lists has left
 * and come back. `count` is the server's: members may be truncated, it never is.
 */
function applyDiff(roster, diff) {
  if (!roster.known || isOld(roster, diff.version)) return { roster, notes: [] };
  const members = new Map(roster.members);
  const notes = [];
  for (const gone of diff.left ?? []) {
    members.delete(gone.user);
    notes.push({ kind: "left", user: gone.user, reason: gone.reason, lastSeen: gone.last_seen });
  }
  for (const member of diff.joined ?? []) {
    members.set(member.user, member);
    notes.push({ kind: "joined", user: member.user });
  }
  for (const member of diff.updated ?? []) members.set(member.user, { ...members.get(member.user), ...member });
  const next = { ...roster, count: diff.count, version: parseVersion(diff.version) ?? roster.version, members };
  return { roster: next, notes };
}

/** Folds one event of a channel into the roster; other events change nothing. */
export function fold(roster, event) {
  if (event.type === "presence.state") return applyState(roster, event);
  if (event.type === "presence.diff") return applyDiff(roster, event);
  return { roster, notes: [] };
}
