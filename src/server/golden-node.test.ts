import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { RawClient } from '../../test/support/raw-client.ts';
import { type SingleNode, startSingleNode } from '../../test/support/single-node.ts';
import { RESPONSE, RowSetReader } from '../wire/index.ts';

/*
 * The exchanges recorded from C 1.18.6 against a real node with SQLite behind it: byte for byte, apart from what
 * is listed in `DIFFERENT`.
 */

interface Exchange {
  readonly dir: '>' | '<';
  readonly hex: string;
  readonly conn?: string;
  readonly note?: string;
}

/** Requests whose answer is not compared, by the end of their bytes or the beginning of their note. */
const NOT_COMPARED: readonly { readonly what: string; readonly why: string }[] = [
  {
    what: 'run-time error at the first step',
    why: 'C sends a malformed Failure, ours is a clean one',
  },
];

const DIRECTORY = new URL('../../testdata/client/', import.meta.url);

function exchangesOf(name: string): readonly Exchange[] {
  const content: { exchanges: readonly Exchange[] } = JSON.parse(
    readFileSync(new URL(`${name}.1.18.6.json`, DIRECTORY), 'utf8'),
  );
  return content.exchanges;
}

function isNotCompared(note: string, hex: string): boolean {
  return NOT_COMPARED.some(({ what }) => note.startsWith(what) || hex.includes(what));
}

/** The same without what says nothing: bytes after blobs, and the counters and version in a page 1. */
function comparable(hex: string): unknown {
  const bytes = new Uint8Array(Buffer.from(hex, 'hex'));
  if (bytes[4] === RESPONSE.rows) {
    const reader = new RowSetReader(bytes.subarray(8));
    const rows: unknown[] = [];
    for (let row = reader.next(); row !== undefined; row = reader.next()) {
      rows.push([row, [...reader.types]]);
    }
    const { columns, end } = reader;
    return { length: bytes.length, header: hex.slice(0, 16), columns, rows, end };
  }
  if (bytes[4] === RESPONSE.files) {
    const image = Buffer.from(bytes).indexOf('SQLite format 3');
    bytes.fill(0, image + 24, image + 28).fill(0, image + 92, image + 100);
  }
  return Buffer.from(bytes).toString('hex');
}

let running: SingleNode | undefined;
const clients: RawClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await running?.close();
  running = undefined;
});

describe('recorded exchanges with C 1.18.6, on a real node', () => {
  test.each([
    'handshake',
    'handshake-legacy',
    'handshake-bad-version',
    'cluster',
    'exec-sql',
    'exec-sql-multi',
    'prepare-exec-query-finalize',
    'params',
    'query-empty',
    'query-types',
    'query-multibatch',
    'errors',
    'dump',
  ])('%s', async (name) => {
    running = await startSingleNode('127.0.0.1:9711', name === 'errors' ? { writeQueueMs: 1 } : {});
    const byLabel = new Map<string, RawClient>();
    const exchanges = exchangesOf(name);
    for (let at = 0; at < exchanges.length; at++) {
      const { hex, conn = '', note = '' } = exchanges[at];
      const known = byLabel.get(conn);
      const client = known ?? (await RawClient.connect(running.listening));
      if (known === undefined) clients.push(client);
      byLabel.set(conn, client);
      client.send(new Uint8Array(Buffer.from(hex, 'hex')));
      while (exchanges[at + 1]?.dir === '<') {
        const expected = exchanges[++at].hex;
        const got = await client.next();
        if (name === 'errors' && isNotCompared(note, hex)) continue;
        expect(comparable(got?.hex ?? ''), `${note} ${hex}`).toEqual(comparable(expected));
      }
    }
  });
});
