import process from 'node:process';

const EVERY_MS = 500;

/** The table: redrawn in place on a terminal, one line a second elsewhere. */
export class Screen {
  #stage;
  #timer;
  #lines = 0;
  #looks = 0;
  #stopped = false;
  #schema;

  /** @param {{ copies: import('./copy.mjs').Copy[], load: import('./load.mjs').Load | undefined }} stage */
  constructor(stage) {
    this.#stage = stage;
    this.#timer = setInterval(() => void this.#look(), EVERY_MS);
  }

  /** A line that stays, above the table. */
  say(text) {
    this.#clear();
    console.log(text);
  }

  stop() {
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#clear();
  }

  async #look() {
    const copy = this.#stage.copies.find(({ up }) => up);
    if (copy !== undefined) {
      try {
        const response = await fetch(`${copy.url}/schema`, { signal: AbortSignal.timeout(400) });
        if (response.ok) [this.#schema] = await response.json();
      } catch {
        // The table shows what was last known; the load counts what fails.
      }
    }
    if (this.#stopped) return;
    this.#looks++;
    if (process.stdout.isTTY) this.#draw(this.#rows());
    else if (this.#looks % 2 === 0) console.log(this.#line());
  }

  #rows() {
    const { copies, load } = this.#stage;
    const schema = this.#schema;
    const pending = schema?.pending.map(({ name, kind, blockedBy }) => {
      const waits = blockedBy.length > 0 ? ` waits for ${blockedBy.join(', ')}` : '';
      return `  next: ${name} (${kind})${waits}`;
    });
    return [
      '',
      '  copy  release  state',
      ...copies.map(
        ({ name, release, state }) => `  ${name.padEnd(5)} ${release.padEnd(8)} ${state}`,
      ),
      `  schema version ${schema?.version ?? '-'}, floor ${floorOf(schema)}`,
      ...(pending ?? []),
      `  requests ${load?.requests ?? 0}, failed ${load?.failed ?? 0}, slowest ${Math.round(load?.slowestMs ?? 0)} ms`,
    ];
  }

  #line() {
    const { copies, load } = this.#stage;
    const releases = copies.map(({ release, up }) => (up ? release : `(${release})`)).join(' ');
    const { version = '-' } = this.#schema ?? {};
    return `  ${releases} | schema ${version}, floor ${floorOf(this.#schema)} | requests ${load?.requests ?? 0}, failed ${load?.failed ?? 0}`;
  }

  #draw(rows) {
    this.#clear();
    process.stdout.write(`${rows.join('\n')}\n`);
    this.#lines = rows.length;
  }

  #clear() {
    if (this.#lines > 0) process.stdout.write(`\x1b[${this.#lines}A\x1b[0J`);
    this.#lines = 0;
  }
}

/** What code must know at least: the newest migration applied that breaks code which does not know it. */
function floorOf(schema) {
  const breaking = schema?.applied.filter(({ kind }) => kind === 'contract' || kind === 'breaking');
  return breaking?.at(-1)?.name ?? '-';
}
