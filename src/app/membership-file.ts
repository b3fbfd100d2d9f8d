import { parse, stringify } from 'yaml';
import type { Disk, Member, Role } from '../base/index.ts';
import { readText, replaceText } from './identity.ts';

const FILE = 'cluster.yaml';
const ROLE_CODES: Readonly<Record<Role, number>> = { voter: 0, 'stand-by': 1, spare: 2 };

/** Writes the known members to `cluster.yaml` in go-dqlite's layout (disk-format.md §12.1). */
export async function writeMembers(disk: Disk, members: readonly Member[]): Promise<void> {
  const rows = members.map(({ id, address, role }) => ({
    Address: address,
    ID: id,
    Role: ROLE_CODES[role],
  }));
  await replaceText(disk, FILE, stringify(rows));
}

/** Addresses in `cluster.yaml`: whom to ask for the cluster after a restart. Empty when there is none. */
export async function readMemberAddresses(disk: Disk): Promise<string[]> {
  const text = await readText(disk, FILE);
  if (text === undefined) return [];
  const rows: unknown = parse(text, { intAsBigInt: true });
  if (!Array.isArray(rows)) return [];
  return rows.flatMap((row: unknown) =>
    typeof row === 'object' && row !== null && 'Address' in row && typeof row.Address === 'string'
      ? [row.Address]
      : [],
  );
}
