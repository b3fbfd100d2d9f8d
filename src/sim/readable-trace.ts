/** Of the host, in characters. */
const HOST = 9;

/** The last lines of a trace as a table: seconds, who, what. */
export class ReadableTrace {
  readonly #limit: number;
  readonly #lines: string[] = [];
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
    this.#lines.push(`${time}  ${who} ${text.replace(/\s*\n\s*/g, ' ')}`);
    if (this.#lines.length <= this.#limit) return;
    this.#lines.shift();
    this.#dropped++;
  }

  lines(): readonly string[] {
    if (this.#dropped === 0) return this.#lines;
    return [`  (${this.#dropped} lines before)`, ...this.#lines];
  }
}
