import { assert } from './assert.ts';
import { ByteReader, ByteWriter, DecodeError, pad8 } from './bytes.ts';
import type { Configuration, Member, Role } from './types.ts';

/** Role codes inside raft configurations; the client protocol has others (raft-rpc.md §4.2). */
const ROLES: readonly Role[] = ['stand-by', 'voter', 'spare'];
const FORMAT = 1;
/** id, an address of one byte, its terminator, role. */
const MEMBER_BYTES_MIN = 11;

/** Encodes a configuration as in entries, InstallSnapshot and `.meta` files; zero-padded to a multiple of 8. */
export function encodeConfiguration(configuration: Configuration): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(16 + configuration.members.length * 40);
  writer.u8(FORMAT).safe(configuration.members.length);
  for (const member of configuration.members) {
    assert(member.id !== 0n, 'a member has the id 0');
    assert(member.address !== '' && !member.address.includes('\0'), 'a member has a bad address');
    writer.u64(member.id).cstring(member.address).u8(ROLES.indexOf(member.role));
  }
  writer.zeros(pad8(writer.length) - writer.length);
  return writer.copy();
}

/**
 * Decodes a configuration; what follows the last member is padding without meaning.
 * Throws DecodeError on another format, an unknown role, id 0, an empty address, duplicate ids or addresses.
 */
export function decodeConfiguration(bytes: Uint8Array): Configuration {
  const reader = new ByteReader(bytes);
  const format = reader.u8();
  if (format !== FORMAT) throw new DecodeError(`configuration format ${format} is not known`);
  const count = reader.safe();
  if (count > Math.floor(reader.remaining / MEMBER_BYTES_MIN)) {
    throw new DecodeError(`a configuration of ${count} members does not fit ${bytes.length} bytes`);
  }
  const members: Member[] = [];
  const ids = new Set<bigint>();
  const addresses = new Set<string>();
  for (let i = 0; i < count; i++) {
    const id = reader.u64();
    const address = reader.cstring();
    const code = reader.u8();
    const role = ROLES[code];
    if (role === undefined) throw new DecodeError(`role ${code} is not known`);
    if (id === 0n) throw new DecodeError('a member has the id 0');
    if (address === '') throw new DecodeError('a member has an empty address');
    if (ids.has(id)) throw new DecodeError(`the member ${id} occurs twice`);
    if (addresses.has(address)) throw new DecodeError(`the address ${address} occurs twice`);
    ids.add(id);
    addresses.add(address);
    members.push({ id, address, role });
  }
  return { members };
}
