import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { FakeCall, FakeNode } from '../../test/support/fake-node.ts';
import { type Sent, SessionHarness, settle } from '../../test/support/session-harness.ts';
import { QuorateError } from '../base/index.ts';
import { type ClientResponse, decodeClientResponse, REQUEST } from '../wire/index.ts';

/*
 * Exchanges recorded from C 1.18.6. The fake node answers what the recorded answer says, so this checks framing,
 * order, ids, checks, codes and texts of the session; what SQL means is checked where there is a real node.
 */

interface Exchange {
  readonly dir: '>' | '<';
  readonly hex: string;
  readonly conn?: string;
  readonly note?: string;
}

const DIRECTORY = new URL('../../testdata/client/', import.meta.url);
const FILES = readdirSync(DIRECTORY).filter(
  (name) =>
    name.endsWith('.1.18.6.json') &&
    // The C server finishes a row set before it looks at Interrupt; ours really interrupts.
    !name.startsWith('interrupt'),
);

function exchangesOf(file: string): readonly Exchange[] {
  const content: { exchanges: readonly Exchange[] } = JSON.parse(
    readFileSync(new URL(file, DIRECTORY), 'utf8'),
  );
  return content.exchanges;
}

function decode(
  hex: string,
  sent: { readonly type: number; readonly clusterFormat: 0 | 1 },
  legacy: boolean,
): ClientResponse {
  const bytes = new Uint8Array(Buffer.from(hex, 'hex'));
  return decodeClientResponse(bytes[4], bytes[5], bytes.subarray(8), {
    legacy,
    clusterFormat: sent.clusterFormat,
    afterQuery: sent.type === REQUEST.query || sent.type === REQUEST.querySql,
  });
}

const ADMIN_CODES: Readonly<Record<string, string>> = {
  'server ID already in use': 'DUPLICATE_ID',
  'server address already in use': 'DUPLICATE_ADDRESS',
  'Resource not found': 'MEMBER_NOT_FOUND',
  'server ID is not valid': 'MEMBER_NOT_FOUND',
  'server role is not valid': 'BAD_ROLE',
};

/** Makes the fake node give what the recorded answers say. */
function prepare(
  node: FakeNode,
  expected: readonly ClientResponse[],
  type: number,
  bytes: Uint8Array,
): void {
  const [first] = expected;
  node.answer = (call) => answer(call, expected);
  if (first.type === 'failure') {
    node.leading = first.code !== 10250;
    const code = ADMIN_CODES[first.message];
    node.refusal = code === undefined ? undefined : new QuorateError(code, first.message);
  } else if (type !== REQUEST.leader && type !== REQUEST.cluster) node.leading = true;
  if (first.type === 'servers') {
    node.members = first.servers.map(({ id, address, role }) => ({
      id,
      address,
      role: role ?? 'voter',
    }));
  }
  if (first.type === 'server') node.leader = { id: first.id, address: first.address };
  if (first.type === 'metadata') node.failureDomain = first.failureDomain;
  if (first.type === 'files') {
    const name = Buffer.from(bytes.subarray(8)).toString('utf8').replace(/\0.*$/s, '');
    node.images.set(name, first.files[0].bytes);
  }
}

function answer(call: FakeCall, expected: readonly ClientResponse[]): void {
  for (const response of expected) {
    switch (response.type) {
      case 'rows':
        call.rows(response.body);
        break;
      case 'result':
        call.done([
          {
            rowsAffected: Number(response.rowsAffected),
            lastInsertRowid: response.lastInsertRowid,
          },
        ]);
        return;
      case 'failure':
        failed(call, response);
        return;
      case 'stmt':
        call.end({
          kind: 'described',
          description: {
            parameters: Array.from({ length: response.parameters }, () => ''),
            columns: [],
            columnTypes: [],
            readonly: true,
            tail: response.tail ?? 0,
            tailEmpty: true,
          },
        });
        return;
      default:
        throw new Error(`the node is not asked for ${response.type}`);
    }
  }
  call.done();
}

function failed(
  call: FakeCall,
  { code, message }: Extract<ClientResponse, { type: 'failure' }>,
): void {
  const { work } = call.request;
  if (work.action === 'describe' && message === 'nonempty statement tail') {
    const { sql } = work;
    const description = { parameters: [], columns: [], columnTypes: [], readonly: true };
    call.end({
      kind: 'described',
      description: { ...description, tail: sql.indexOf(';') + 1, tailEmpty: false },
    });
  } else call.fail({ dqliteCode: code, message });
}

async function replay(exchanges: readonly Exchange[]): Promise<number> {
  const harnesses = new Map<string, SessionHarness>();
  const legacy = new Set<string>();
  let compared = 0;
  for (let at = 0; at < exchanges.length; at++) {
    const { dir, hex, conn = '', note = '' } = exchanges[at];
    if (dir === '<') continue;
    const bytes = new Uint8Array(Buffer.from(hex, 'hex'));
    const known = harnesses.get(conn);
    const harness = known ?? new SessionHarness();
    harnesses.set(conn, harness);
    const expected: Exchange[] = [];
    while (exchanges[at + 1]?.dir === '<') expected.push(exchanges[++at]);
    if (known === undefined) {
      if (hex !== '0100000000000000') legacy.add(conn);
      harness.session.receive(bytes);
      if (expected[0]?.note === 'connection closed by the server') {
        expect(harness.ended).toBeDefined();
        compared++;
      }
      continue;
    }
    const sent = { type: bytes[4], clusterFormat: bytes[8] === 1 ? (1 as const) : (0 as const) };
    const responses = expected.map((item) => decode(item.hex, sent, legacy.has(conn)));
    prepare(harness.node, responses, bytes[4], bytes);
    harness.session.receive(bytes);
    await settle();
    const got = harness.take();
    compare(got, expected, responses, note);
    compared += got.length;
  }
  return compared;
}

function compare(
  got: readonly Sent[],
  expected: readonly Exchange[],
  responses: readonly ClientResponse[],
  note: string,
): void {
  const malformed = note.includes('C sends a malformed failure');
  if (malformed) {
    expect(decode(got[0].hex, { type: 0, clusterFormat: 0 }, false)).toEqual(responses[0]);
    return;
  }
  expect(
    got.map(({ hex }) => hex),
    note,
  ).toEqual(expected.map(({ hex }) => hex));
}

describe('recorded exchanges with C 1.18.6', () => {
  test.each(FILES)('%s', async (file) => {
    expect(await replay(exchangesOf(file))).toBeGreaterThan(0);
  });

  test('all files are there', () => {
    expect(FILES.length).toBe(14);
  });
});
