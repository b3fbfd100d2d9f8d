import { digestOf } from './manifest.ts';

/** What a backfill does. */
export interface BackfillText {
  readonly table: string;
  readonly key: string;
  /** The statement for one range of keys. */
  readonly step: string;
  readonly verify?: string | undefined;
}

/** Checksum of a migration of SQL: 64 hexadecimal digits. Line ends do not count, because checkouts change them. */
export function sqlChecksum(sql: string): string {
  return digestOf(sql.replaceAll('\r\n', '\n'));
}

/** Checksum of a backfill: 64 hexadecimal digits. How many rows a batch has does not count. */
export function backfillChecksum({ table, key, step, verify = '' }: BackfillText): string {
  return digestOf(JSON.stringify([table, key, step, verify]));
}
