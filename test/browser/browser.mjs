// Headless Chromium, and a tab of the demo page as one user.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { artifacts } from "../clients/lib/processes.mjs";

const executable = process.env.ROLLCALL_CHROMIUM ?? "/usr/bin/chromium";

export async function launch() {
  if (!existsSync(executable)) throw new Error(`${executable} is missing: test/browser/run.sh installs it`);
  return chromium.launch({
    executablePath: executable,
    args: [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ],
  });
}

/** One browser context with one tab, so that two users share nothing. */
export class Tab {
  static async open(browser, url, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1100, height: 720 }, locale: "en-GB", ...options });
    const tab = new Tab(context, await context.newPage());
    await tab.page.goto(url);
    return tab;
  }

  constructor(context, page) {
    this.context = context;
    this.page = page;
    // What a strict policy blocks, and what a script throws, only shows here.
    this.problems = [];
    page.on("pageerror", (error) => this.problems.push(String(error)));
    page.on("console", (message) => { if (message.type() === "error") this.problems.push(message.text()); });
    page.setDefaultTimeout(15_000);
  }

  at(id) {
    return this.page.getByTestId(id);
  }

  /** Waits for the page to say that it is in the room. */
  async joined() {
    await this.page.locator('[data-testid="connection-state"][data-state="joined"]').waitFor();
  }

  async roster() {
    return (await this.at("member").evaluateAll((entries) => entries.map((entry) => entry.dataset.user))).sort();
  }

  member(user) {
    return this.page.locator(`[data-testid="member"][data-user="${user}"]`);
  }

  note(kind, user) {
    return this.page.locator(`[data-testid="note-${kind}"][data-user="${user}"]`);
  }

  async say(text) {
    await this.at("text").fill(text);
    await this.at("send").click();
  }

  message(text) {
    return this.at("message").filter({ hasText: text });
  }

  screenshot(name) {
    return this.page.screenshot({ path: join(artifacts(), `${name}.png`) });
  }

  /** As a user does it: the tab is gone, no goodbye of the page's own. */
  close() {
    return this.page.close();
  }
}
