/** Of the host, in characters. */
const HOST = 9;
/** Of calls that succeed one after another, so many are shown; of the last ones, so many. */
const SHOWN = 2;
const SHOWN_LAST = 12;

/**
 * The last lines of a trace as a table: seconds, who, what. Of calls in a row that succeed the last are shown, so that what goes wrong
 * is not lost among them.
 */
export class ReadableTrace {
  readonly #limit: number;
  readonly #lines: string[] = [];
  /** Calls that succeeded since the last other line, the last of them. */
  #calls: string[] = [];
  #callsBefore = 0;
  #dropped = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes a line as a run prints it: milliseconds, host, level, text. */
  add(line: string): void {
    const match = /^([\d.]+) (\S+) (\w+) ([\s\S]*)$/.exec(line);
    if (match === null) return;
    const [, ms, host, level, text] = match;
    if (level === 'debug') return;
    const time = (Number(ms) / 1000).toFixed(3).padStart(8);
    const who = host.replace(/:\d+$/, '').padEnd(HOST);
    const row = `${time}  ${who} ${text.replace(/\s*\n\s*/g, ' ')}`;
    if (level === 'told') {
      this.#calls.push(row);
      if (this.#calls.length <= SHOWN_LAST) return;
      this.#calls.shift();
      this.#callsBefore++;
    } else {
      const last = /^the run fails/.test(text);
      for (const each of this.#shownCalls(last ? SHOWN_LAST : SHOWN)) this.#push(each);
      this.#calls = [];
      this.#callsBefore = 0;
      this.#push(row);
    }
  }

  #shownCalls(count: number): string[] {
    const before = this.#callsBefore + Math.max(0, this.#calls.length - count);
    const shown = this.#calls.slice(-count);
    return before === 0 ? shown : [`          (${before} calls succeed)`, ...shown];
  }

  #push(row: string): void {
    this.#lines.push(row);
    if (this.#lines.length <= this.#limit) return;
    this.#lines.shift();
    this.#dropped++;
  }

  lines(): readonly string[] {
    const lines = [...this.#lines, ...this.#shownCalls(SHOWN_LAST)];
    return this.#dropped === 0 ? lines : [`          (${this.#dropped} lines before)`, ...lines];
  }
}
