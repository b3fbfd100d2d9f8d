import { parse, stringify } from 'yaml';
import { type Disk, fromUtf8, QuorateError, utf8 } from '../base/index.ts';

/** Who a directory belongs to, as go-dqlite keeps it in `info.yaml` (disk-format.md §12.1). */
export interface Identity {
  readonly id: bigint;
  readonly address: string;
}

const INFO = 'info.yaml';
/** These files hold a few lines. Reading YAML takes the square of the length where the text is damaged. */
const TEXT_BYTES_MAX = 64 * 1024;

/** Reads `info.yaml`; undefined when there is none. Throws IDENTITY_DAMAGED when it cannot be understood. */
export async function readIdentity(disk: Disk): Promise<Identity | undefined> {
  const text = await readText(disk, INFO);
  if (text === undefined) return undefined;
  const info = parseOrUndefined(text);
  if (typeof info === 'object' && info !== null && 'ID' in info && 'Address' in info) {
    const { ID: id, Address: address } = info;
    if (typeof id === 'bigint' && id > 0n && typeof address === 'string' && address !== '') {
      return { id, address };
    }
  }
  throw new QuorateError(
    'IDENTITY_DAMAGED',
    `${disk.path}/${INFO} does not name an ID and an Address; restore it from the cluster's member list`,
  );
}

function parseOrUndefined(text: string): unknown {
  try {
    return parse(text, { intAsBigInt: true, logLevel: 'error' });
  } catch {
    return undefined;
  }
}

/** Writes `info.yaml` by atomic replacement, durable when it resolves. */
export async function writeIdentity(disk: Disk, identity: Identity): Promise<void> {
  const text = stringify({ Address: identity.address, ID: identity.id, Role: 0 });
  await replaceText(disk, INFO, text);
}

/** Small text file of the directory; '' for one above 64 KiB, undefined when it does not exist. */
export async function readText(disk: Disk, name: string): Promise<string | undefined> {
  const entry = (await disk.list()).find((file) => file.name === name);
  if (entry === undefined) return undefined;
  if (entry.sizeBytes > TEXT_BYTES_MAX) return '';
  const file = await disk.open(name, 'read');
  try {
    const bytes = new Uint8Array(entry.sizeBytes);
    const length = await file.read(0, bytes);
    return fromUtf8(bytes.subarray(0, length));
  } finally {
    await file.close();
  }
}

/** Replaces a small text file: written beside it, synced, renamed, directory synced. */
export async function replaceText(disk: Disk, name: string, text: string): Promise<void> {
  const temporary = `tmp-${name}`;
  await disk.remove(temporary);
  const file = await disk.open(temporary, 'create');
  try {
    await file.write(0, [utf8(text)]);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(temporary, name);
  await disk.syncDirectory();
}
