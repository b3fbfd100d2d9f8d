// What the two programs show: one line each second, and what happens in between.
import { health } from './fleet.mjs';

const begun = performance.now();

export function say(text) {
  console.log(`${((performance.now() - begun) / 1_000).toFixed(1).padStart(6)} s  ${text}`);
}

export class Board {
  #fleet;
  #load;
  #timer;

  constructor(fleet, load) {
    this.#fleet = fleet;
    this.#load = load;
  }

  start() {
    this.#timer = setInterval(() => void this.show(), 1_000);
  }

  stop() {
    clearInterval(this.#timer);
  }

  async show() {
    const columns = await Promise.all(
      this.#fleet.copies.map(async (copy) => {
        if (!copy.up) return `${copy.name} ${copy.version || '-'} (down)`;
        try {
          const { applied, floor } = await health(copy);
          return `${copy.name} ${copy.version} V=${applied} floor=${floor}`;
        } catch {
          return `${copy.name} ${copy.version} (stopping)`;
        }
      }),
    );
    const { requests, failed } = this.#load;
    const slowest = Math.round(this.#load.slowest());
    say(
      `${columns.map((text) => text.padEnd(26)).join('| ')}| ${requests} requests, ${failed} failed, slowest ${slowest} ms`,
    );
  }
}

/** Events worth a line. */
export function announce(copy, { event, name, code }) {
  if (event === 'committed') say(`${copy.name} applied ${name}`);
  else if (event === 'failed') say(`${copy.name}: ${name} failed (${code ?? ''})`);
}

export async function until(what, limitMs, check) {
  const end = performance.now() + limitMs;
  while (!(await check().catch(() => false))) {
    if (performance.now() > end) throw new Error(`waited ${limitMs / 1_000} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
