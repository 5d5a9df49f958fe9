// When to reconnect. The jitter matters: without it everybody who was on a
// server that died comes back in the same second.

const between = (low, high, random) => low + random() * (high - low);

/**
 * How long to wait before the next attempt, in milliseconds, or null for never.
 * @param retry   the `retry` header of the ERROR frame, or undefined when the
 *                connection broke without one
 * @param attempt failed attempts in a row before this one, from 0
 */
export function reconnectDelay(retry, attempt, random = Math.random) {
  if (retry === "never") return null;
  if (retry === "later") return between(5_000, 15_000, random) * Math.min(2 ** attempt, 4);
  // "now", and a broken connection: quick enough for the grace period, then
  // doubling up to half a minute.
  const ceiling = Math.min(1_000 * 2 ** attempt, 30_000);
  return between(ceiling / 10, ceiling, random);
}
