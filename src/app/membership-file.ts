import { stringify } from 'yaml';
import type { Disk, Member, Role } from '../base/index.ts';
import { replaceText } from './identity.ts';

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
