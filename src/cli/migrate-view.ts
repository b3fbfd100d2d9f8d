import { textWidth } from '../sql/index.ts';
import type { Board } from './migrate-board.ts';

/** Where a view is shown. */
export interface Screen {
  /** Columns of the terminal; undefined when it is none. */
  readonly columns: number | undefined;
  write(text: string): void;
  /** Milliseconds, of any origin. */
  now(): number;
}

const COLUMNS = 80;
/** Between two lines of progress where lines cannot be written over. */
const PROGRESS_MS = 5_000;

/**
 * Shows what happens and where things stand: on a terminal events pass above a board that is written over; elsewhere everything is lines, each
 * board once; as JSON one object a line.
 */
export class View {
  readonly #screen: Screen;
  readonly #json: boolean;
  /** The board as it stands on the terminal. */
  #shown: readonly string[] = [];
  #last = '';
  #lastProgress = '';
  #progressAt = Number.NEGATIVE_INFINITY;

  constructor(screen: Screen, json: boolean) {
    this.#screen = screen;
    this.#json = json;
  }

  /** Something that happened: `text` undefined = only for programs. */
  event(text: string | undefined, json: object): void {
    if (this.#json) this.#lines([JSON.stringify(json)]);
    else if (text !== undefined) this.#above([text]);
  }

  /** The last word, below everything else. */
  end(text: string, json: object): void {
    this.#shown = [];
    this.#lines([this.#json ? JSON.stringify(json) : text]);
  }

  /** Where things stand. Shown when it differs from what was shown last. */
  board({ lines, progress }: Board, json: object): void {
    if (this.#json) {
      this.#once(JSON.stringify(json), (text) => this.#lines([text]));
    } else if (this.#screen.columns !== undefined) {
      this.#redraw([...lines, ...progress]);
    } else {
      this.#once(lines.join('\n'), () => this.#lines(lines));
      this.#progress(progress);
    }
  }

  #once(text: string, show: (text: string) => void): void {
    if (text === this.#last) return;
    this.#last = text;
    show(text);
  }

  #progress(progress: readonly string[]): void {
    const text = progress.join('\n');
    const now = this.#screen.now();
    if (text === this.#lastProgress || now - this.#progressAt < PROGRESS_MS) return;
    this.#lastProgress = text;
    this.#progressAt = now;
    this.#lines(progress);
  }

  #above(lines: readonly string[]): void {
    const board = this.#shown;
    this.#clear();
    this.#lines(lines);
    this.#draw(board);
  }

  #redraw(lines: readonly string[]): void {
    if (lines.join('\n') === this.#shown.join('\n')) return;
    this.#clear();
    this.#draw(lines);
  }

  #clear(): void {
    const columns = this.#screen.columns ?? COLUMNS;
    // What is wider than the terminal takes several rows of it; it is not cut, because people copy commands from here.
    const rows = this.#shown.map((line) => Math.max(1, Math.ceil(textWidth(line) / columns)));
    const up = rows.reduce((sum, count) => sum + count, 0);
    // Up by so many rows, then everything from there on away.
    if (up > 0) this.#screen.write(`\x1b[${up}A\x1b[0J`);
    this.#shown = [];
  }

  #draw(lines: readonly string[]): void {
    this.#lines(lines);
    this.#shown = lines;
  }

  #lines(lines: readonly string[]): void {
    if (lines.length > 0) this.#screen.write(`${lines.join('\n')}\n`);
  }
}
