import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import process from 'node:process';
import { answerOrders, ownUsage } from './answering.ts';
import { tightLoop } from './closed-loop.ts';
import type { Answer, Order } from './load-order.ts';
import {
  BODY,
  FILL,
  INSERT,
  INSERT_SCATTERED,
  ROWS,
  SCANS,
  SELECT,
  TABLES,
  type WorkName,
} from './works.ts';

/** What is used of better-sqlite3 and of libsql, which is its fork of the same interface. No dependencies: installed for the bench alone. */
interface Statement {
  run(...parameters: readonly unknown[]): unknown;
  get(...parameters: readonly unknown[]): unknown;
  all(...parameters: readonly unknown[]): unknown;
}
interface Native {
  prepare(sql: string): Statement;
  exec(sql: string): unknown;
  pragma(text: string): unknown;
}

/** Unreplicated SQLite on a file in WAL mode with full syncs, as a process. The argument: the package, where it is installed, and the file. */
function main(text: string): void {
  const { name, installed, file }: { name: string; installed: string; file: string } =
    JSON.parse(text);
  const require = createRequire(`${installed}/package.json`);
  const open: new (path: string) => Native = require(name);
  const native = new open(file);
  native.pragma('journal_mode = wal');
  native.pragma('synchronous = full');
  for (const sql of [...TABLES, FILL]) native.exec(sql);
  const version = String(
    JSON.parse(readFileSync(`${installed}/node_modules/${name}/package.json`, 'utf8')).version,
  );
  const sqlite = String(Object.values(Object(native.prepare('select sqlite_version()').get()))[0]);
  answerOrders((order: Order): Answer => {
    switch (order.order) {
      case 'load':
        return { answer: 'figures', figures: tightLoop(order, operationOn(native, order.work)) };
      case 'run':
        for (const sql of order.sql) native.exec(sql);
        return { answer: 'done' };
      case 'usage':
        return ownUsage();
      case 'leads':
        return { answer: 'leads', leads: true };
      case 'version':
        return { answer: 'version', version: `${version}, SQLite ${sqlite}` };
    }
  });
}

function operationOn(native: Native, work: WorkName): () => void {
  let sequence = 0;
  const key = (): number => 1 + Math.floor(Math.random() * ROWS);
  switch (work) {
    case 'insert': {
      const insert = native.prepare(INSERT);
      return () => insert.run(++sequence, BODY);
    }
    case 'insert-scattered': {
      const insert = native.prepare(INSERT_SCATTERED);
      return () => {
        const id = Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
        insert.run(id, id % 1_000_003, BODY);
      };
    }
    case 'select':
    case 'select-local': {
      const select = native.prepare(SELECT);
      return () => select.get(key());
    }
    case 'batch-1000': {
      const insert = native.prepare(INSERT);
      return () => {
        native.exec('begin immediate');
        for (let i = 0; i < 1_000; i++) insert.run(++sequence, BODY);
        native.exec('commit');
      };
    }
    case 'aggregate':
    case 'group':
    case 'order': {
      const scan = native.prepare(SCANS[work]);
      return () => scan.all();
    }
  }
}

main(process.argv[2] ?? '{}');
