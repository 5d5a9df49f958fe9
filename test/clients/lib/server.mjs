// The server under test: the one at ROLLCALL_WS_URL, else one of our own.
import { after, afterEach, before } from "node:test";
import { setTimeout as elapse } from "node:timers/promises";
import { dropEverybody } from "./person.mjs";
import { startStandalone } from "./processes.mjs";

/** The grace period of the server under test, in milliseconds. */
export const grace = Number(process.env.ROLLCALL_TEST_LEAVE_DELAY_MS ?? 2_000);

/** Longest way of a change to a subscriber, beside the delays of the design. */
export const lag = 2_000;

/** Starts the server once for the calling file; `.socket` is set when tests run. */
export function server() {
  const running = { socket: process.env.ROLLCALL_WS_URL };
  afterEach(dropEverybody);
  if (running.socket) return running;
  before(async () => { Object.assign(running, await startStandalone({ leaveDelay: `${grace}ms` })); });
  after(async () => {
    const end = await running.child?.stop();
    if (end && (end.code !== 0 || end.ms > 5_000)) {
      throw new Error(`standalone didn't end cleanly in 5 s: ${JSON.stringify(end)}\n${running.child.tail()}`);
    }
  });
  return running;
}

let rooms = 0;

/** A room that no other test uses. */
export const room = () => `room-${process.pid}-${++rooms}`;

/**
 * Proves an absence: nothing that would have been told within the grace and the
 * lag is still on its way. The time itself is the subject here.
 */
export async function afterGrace(seat) {
  await elapse(grace + lag);
  await seat.fence();
}
