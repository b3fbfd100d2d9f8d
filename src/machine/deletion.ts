import { assert, PAGE_SIZE_BYTES } from '../base/index.ts';
import { encodeFrames } from '../wire/index.ts';
import { headTokens } from './head-tokens.ts';
import type { MachineDatabase } from './machine-database.ts';

/** Whether a statement is PRAGMA delete_database. */
export function isDeletion(sql: string): boolean {
  const tokens = headTokens(sql, 4);
  if (tokens[0] !== 'pragma') return false;
  return tokens[1] === 'delete_database' || tokens[3] === 'delete_database';
}

/** The command that deletes a database: page 1 with size 0 in its header (fsm.md §9, S11). */
export function deletionCommand({ name, store }: MachineDatabase): Uint8Array<ArrayBuffer> {
  const { head } = store;
  assert(head.pages > 0, 'a database without pages is not deleted');
  const old = new Uint8Array(PAGE_SIZE_BYTES);
  store.copyPage(head, 1, old, 0);
  return encodeFrames(name, [1], (_, target) => fillDeletedPage(old, target));
}

/** Size of a database header; the b-tree page of the schema follows. */
const HEADER_BYTES = 100;
const SIZE = 28;
const SCHEMA_COOKIE = 40;
const VERSION_VALID_FOR = 92;
/** Fields that become 0: size, free list, default cache, largest root, user version, vacuum mode, application id. */
const CLEARED = [SIZE, 32, 36, 48, 52, 60, 64, 68];
const LEAF_TABLE = 0x0d;

function fillDeletedPage(old: Uint8Array, target: Uint8Array): void {
  target.fill(0);
  target.set(old.subarray(0, HEADER_BYTES));
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  for (const offset of CLEARED) view.setUint32(offset, 0);
  view.setUint32(SCHEMA_COOKIE, (view.getUint32(SCHEMA_COOKIE) + 1) >>> 0);
  view.setUint32(VERSION_VALID_FOR, 0x01000000);
  target[HEADER_BYTES] = LEAF_TABLE;
  view.setUint16(HEADER_BYTES + 5, PAGE_SIZE_BYTES);
}
