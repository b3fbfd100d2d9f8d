import { QuorateError } from '../base/index.ts';

/** Host and port of an address. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/**
 * Takes HOST:PORT apart; an IPv6 host stands in brackets. Names are left to the resolver.
 * Throws BAD_ADDRESS when it is neither.
 */
export function parseAddress(address: string): HostPort {
  const match = /^(?:\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|([^:[\]\s/]+)):(\d{1,5})$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port <= 65_535)) {
    throw new QuorateError(
      'BAD_ADDRESS',
      `"${address}" is not an address: HOST:PORT, [IPv6]:PORT with a port of 0 to 65535`,
    );
  }
  return { host, port };
}

/** HOST:PORT, with brackets where the host is IPv6; IPv4 mapped into IPv6 is shown as IPv4. */
export function formatAddress(host: string, port: number): string {
  const plain = host.startsWith('::ffff:') && host.includes('.') ? host.slice(7) : host;
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}
