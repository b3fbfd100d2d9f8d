/** Peers as `--compare` names them. */
export const PEERS = ['c-dqlite', 'better-sqlite3', 'libsql'] as const;
export type PeerName = (typeof PEERS)[number];

/** Of a list as it is given on the command line. Throws for a name that is not known. */
export function peersOf(list: string): Set<PeerName> {
  const wanted = list.split(',').filter((name) => name !== '');
  return new Set(
    wanted.map((name) => {
      const peer = PEERS.find((known) => known === name);
      if (peer === undefined) throw new Error(`no peer is called ${name}: ${PEERS.join(', ')}`);
      return peer;
    }),
  );
}
