import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Socket } from 'node:net';

/** Column of /proc/net/tcp that holds the inode. */
const INODE = 9;

/**
 * Which of these processes holds the other end of an accepted IPv4 connection on this machine; undefined when none does any more.
 * Linux only. Thus a proxy knows who calls without any help from the program under test.
 */
export function socketOwner(accepted: Socket, pids: Iterable<number>): number | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = accepted;
  if (remoteAddress === undefined || localAddress === undefined) return undefined;
  const inode = inodeOf(
    kernelAddress(remoteAddress, remotePort),
    kernelAddress(localAddress, localPort),
  );
  if (inode === undefined || inode === '0') return undefined;
  const link = `socket:[${inode}]`;
  for (const pid of pids) if (holds(pid, link)) return pid;
  return undefined;
}

function inodeOf(local: string, remote: string): string | undefined {
  const wanted = ` ${local} ${remote} `;
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n')) {
    if (line.includes(wanted)) return line.trim().split(/\s+/)[INODE];
  }
  return undefined;
}

function holds(pid: number, link: string): boolean {
  const directory = `/proc/${pid}/fd`;
  try {
    return readdirSync(directory).some((name) => linkTarget(`${directory}/${name}`) === link);
  } catch {
    return false;
  }
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** As /proc/net/tcp writes it: the bytes of the address in the machine's order (little-endian here), the port as a number. */
function kernelAddress(address: string, port = 0): string {
  const plain = address.startsWith('::ffff:') ? address.slice(7) : address;
  const bytes = plain.split('.').map((part) => hexadecimal(Number(part), 2));
  return `${bytes.reverse().join('')}:${hexadecimal(port, 4)}`;
}

function hexadecimal(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0');
}
