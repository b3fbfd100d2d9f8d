import { expect, test } from 'vitest';
import { View } from './migrate-view.ts';

const ESC = '\x1b';
/** What writes over lines, or ends one. */
const OVER = new RegExp(`(${ESC}\\[\\d+A${ESC}\\[0J|\n)`);

/** A screen that keeps what is on it, as a terminal would. */
class Paper {
  readonly columns: number | undefined;
  written = '';
  time = 0;

  constructor(columns?: number) {
    this.columns = columns;
  }

  write(text: string): void {
    this.written += text;
  }

  now(): number {
    return this.time;
  }

  /** Lines that can be seen, after all that was written over. */
  get lines(): readonly string[] {
    const width = this.columns ?? Number.POSITIVE_INFINITY;
    const rows: string[] = [];
    for (const part of this.written.split(OVER)) {
      const up = /\[(\d+)A/.exec(part)?.[1];
      if (up !== undefined) rows.length -= Number(up);
      else if (part !== '\n' && part !== '') {
        for (let at = 0; at < part.length; at += width) rows.push(part.slice(at, at + width));
      }
    }
    return rows;
  }
}

const board = (...lines: string[]) => ({ lines, progress: [] });

test('on a terminal events pass above a board that is written over, however wide its lines are', () => {
  const paper = new Paper(10);
  const view = new View(paper, false);
  view.board(board('one', 'a line of more than ten'), {});
  view.event('happened', {});
  expect(paper.lines).toEqual(['happened', 'one', 'a line of ', 'more than ', 'ten']);
  view.board(board('two'), {});
  view.event(undefined, {});
  expect(paper.lines).toEqual(['happened', 'two']);
  const before = paper.written;
  view.board(board('two'), {});
  expect(paper.written).toBe(before);
  view.end('over', {});
  expect(paper.lines).toEqual(['happened', 'two', 'over']);
});

test('elsewhere everything is lines: a board when it changes, progress now and then', () => {
  const paper = new Paper();
  const view = new View(paper, false);
  const at = (ms: number, done: string): void => {
    paper.time = ms;
    view.board({ lines: ['stands'], progress: [done] }, {});
  };
  at(0, '1 row');
  at(1_000, '2 rows');
  view.event('happened', {});
  at(4_999, '3 rows');
  at(5_000, '4 rows');
  at(20_000, '4 rows');
  expect(paper.lines).toEqual(['stands', '1 row', 'happened', '4 rows']);
  expect(paper.written).not.toContain('\x1b');
});

test('as JSON each event is a line, a state when it changes', () => {
  const paper = new Paper(80);
  const view = new View(paper, true);
  view.board(board('text'), { event: 'status', version: 1 });
  view.board(board('other text'), { event: 'status', version: 1 });
  view.event(undefined, { event: 'committed' });
  view.board(board('text'), { event: 'status', version: 2 });
  expect(paper.lines.map((line) => JSON.parse(line))).toEqual([
    { event: 'status', version: 1 },
    { event: 'committed' },
    { event: 'status', version: 2 },
  ]);
});
