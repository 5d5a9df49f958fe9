// Starts and stops the real binaries on free loopback ports. Only Node's own
// modules: the browser test uses it too.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as elapse } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");

const readyMs = 30_000;
const stopMs = 10_000;

/** A port that was free a moment ago. */
async function freePort() {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** N different free addresses on loopback. */
export async function freeAddresses(count) {
  const ports = new Set();
  while (ports.size < count) ports.add(await freePort());
  return [...ports].map((port) => `127.0.0.1:${port}`);
}

function binary(name) {
  const path = join(process.env.ROLLCALL_BIN ?? join(root, "bin"), name);
  if (!existsSync(path)) throw new Error(`${path} is missing: run make build`);
  return path;
}

/** One running binary. Its output stays in artifacts/, in a directory of its own. */
export class Process {
  constructor(name, args) {
    this.name = name;
    // The caller's own settings must not change what is tested.
    const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith("ROLLCALL_")));
    const directory = mkdtempSync(join(artifacts(), `${name}-`));
    this.log = join(directory, "output.log");
    const out = openSync(this.log, "a");
    this.child = spawn(binary(name), args, { cwd: directory, env, stdio: ["ignore", out, out] });
    closeSync(out); // the child has its own copy
    this.ended = new Promise((resolve) => {
      this.child.once("exit", (code, signal) => resolve({ code, signal }));
      this.child.once("error", (error) => resolve({ code: -1, error }));
    });
    this.ended.then((end) => { this.end = end; });
  }

  /** The last lines of its output. */
  tail(lines = 30) {
    return readFileSync(this.log, "utf8").split("\n").slice(-lines).join("\n");
  }

  /** Waits until the readiness address says 200. */
  async ready(url) {
    const deadline = Date.now() + readyMs;
    let last = "nothing asked yet";
    while (Date.now() < deadline) {
      if (this.end) throw new Error(`${this.name} ended before it was ready (${JSON.stringify(this.end)}):\n${this.tail()}`);
      try {
        const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
        if (response.ok) return;
        last = `${response.status} ${await response.text()}`;
      } catch (error) {
        last = String(error.cause ?? error);
      }
      await elapse(50);
    }
    throw new Error(`${this.name} is not ready after ${readyMs} ms: ${last}\n${this.tail()}`);
  }

  /** kill -9. */
  async kill() {
    this.child.kill("SIGKILL");
    await this.ended;
  }

  /** SIGTERM, then by force; resolves to how it ended and how long it took. */
  async stop() {
    const began = Date.now();
    this.child.kill("SIGTERM");
    const force = setTimeout(() => this.child.kill("SIGKILL"), stopMs);
    const end = await this.ended;
    clearTimeout(force);
    return { ...end, ms: Date.now() - began };
  }
}

/** bin/standalone with an empty log in memory, and its addresses. */
export async function startStandalone({ leaveDelay = "2s", args = [] } = {}) {
  const [kafka, edge, operations, presence, notifier] = await freeAddresses(5);
  const child = new Process("standalone", [
    "--auth=none", "--data-dir=", `--kafka-listen=${kafka}`, `--edge-listen=${edge}`, `--edge-ops-listen=${operations}`,
    `--presence-listen=${presence}`, `--notifier-listen=${notifier}`, `--leave-delay=${leaveDelay}`, ...args,
  ]);
  await child.ready(`http://${operations}/readyz`);
  return { child, kafka, edge, operations, presence, notifier, page: `http://${edge}/`, socket: `ws://${edge}/ws` };
}

/** bin/edge beside a running Kafka, and its address. */
export async function startEdge({ kafka, id, args = [] }) {
  const [listen, operations] = await freeAddresses(2);
  const child = new Process("edge", [
    `--kafka-brokers=${kafka}`, `--listen=${listen}`, `--ops-listen=${operations}`, `--instance-id=${id}`, "--auth=none", ...args,
  ]);
  await child.ready(`http://${operations}/readyz`);
  return { child, socket: `ws://${listen}/ws` };
}

/** A directory for what people look at afterwards. */
export function artifacts() {
  const directory = process.env.ROLLCALL_ARTIFACTS ?? join(root, "artifacts");
  mkdirSync(directory, { recursive: true });
  return directory;
}
