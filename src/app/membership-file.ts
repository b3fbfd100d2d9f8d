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

/**
 * Writes the addresses of a cluster of which nothing else is known yet, as go-dqlite does: a node that is restarted before it is a member
 * finds it again.
 */
export async function writeAddresses(disk: Disk, addresses: readonly string[]): Promise<void> {
  await writeMembers(
    disk,
    addresses.map((address) => ({ id: 0n, address, role: 'voter' })),
  );
}

/** The addresses in `cluster.yaml`; none when there is no such file, or it cannot be understood: it only helps to find the others. */
export async function readAddresses(disk: Disk): Promise<string[]> {
  const text = await readText(disk, FILE);
  const rows = text === undefined ? [] : parseOrNothing(text);
  if (!Array.isArray(rows)) return [];
  return rows.flatMap((row: unknown) => {
    if (typeof row !== 'object' || row === null || !('Address' in row)) return [];
    return typeof row.Address === 'string' && row.Address !== '' ? [row.Address] : [];
  });
}

function parseOrNothing(text: string): unknown {
  try {
    return parse(text, { intAsBigInt: true, logLevel: 'error' });
  } catch {
    return [];
  }
}
