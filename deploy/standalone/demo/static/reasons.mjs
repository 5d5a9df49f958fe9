// Reasons in words. Keys are the reason enum of the events; a reason this page
// doesn't know (a newer server) is shown as it is rather than hidden.

const departures = {
  client_disconnect: "signed off",
  client_close: "closed the connection",
  connection_lost: "lost the connection",
  heartbeat_timeout: "stopped answering",
  idle_timeout: "was idle for too long",
  max_session_age: "reached the maximum session age",
  token_expired: "had an expired token",
  kicked: "was removed",
  superseded: "signed in somewhere else",
  policy_violation: "broke a rule of the server",
  protocol_error: "spoke the protocol wrongly",
  too_large: "sent something too large",
  slow_consumer: "was too slow to keep up",
  server_shutdown: "was on a server that shut down",
  edge_lost: "was on a server that died",
  unsubscribed: "chose to leave the room",
};

const closings = {
  idle_timeout: "you were idle for too long",
  max_session_age: "this session has reached its maximum age",
  token_expired: "your token has expired",
  kicked: "you were removed",
  superseded: "you signed in somewhere else",
  policy_violation: "the server refused what this page did",
  protocol_error: "the server could not understand this page",
  too_large: "a message was too large",
  slow_consumer: "this page was too slow to keep up",
  server_shutdown: "the server is restarting",
  heartbeat_timeout: "the server heard nothing from this page",
  connection_lost: "the connection was lost",
};

const lookup = (table, reason) => (Object.hasOwn(table, reason) ? table[reason] : reason || "for an unknown reason");

/** Why somebody left: a predicate, as in "bob left: lost the connection". */
export const departureInWords = (reason) => lookup(departures, reason);

/** Why this very session ends: a sentence without its full stop. */
export const closingInWords = (reason) => lookup(closings, reason);
