// What arrived, in order, and waiting for what will.

/** Everything a test waits for has this bound, unless it says another. */
export const patience = 10_000;

/** What arrived, for an error message: long texts are cut. */
function shown(items) {
  const cut = (key, value) => (typeof value === "string" && value.length > 200 ? `${value.slice(0, 200)}… (${value.length})` : value);
  return JSON.stringify(items.slice(-20), cut, 1);
}

export class Inbox {
  #items = [];
  #waiters = new Set();

  constructor(name) {
    this.name = name;
  }

  add(item) {
    this.#items.push(item);
    for (const check of [...this.#waiters]) check();
  }

  get items() {
    return this.#items;
  }

  /** A position: `count(…, from)` and `wait(…, {from})` look only behind it. */
  get mark() {
    return this.#items.length;
  }

  /** The first item that matches, now or within `ms`. */
  wait(what, match, { ms = patience, from = 0 } = {}) {
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = this.#items.slice(from).find(match);
        if (found === undefined) return;
        done();
        resolve(found);
      };
      const late = setTimeout(() => {
        done();
        reject(new Error(`${this.name}: no ${what.slice(0, 80)} within ${ms} ms; got ${shown(this.#items.slice(from))}`));
      }, ms);
      const done = () => {
        clearTimeout(late);
        this.#waiters.delete(check);
      };
      this.#waiters.add(check);
      check();
    });
  }
}
