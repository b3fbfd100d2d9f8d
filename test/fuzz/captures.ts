import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../testdata/', import.meta.url));

const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));

interface Exchange {
  readonly dir: '>' | '<';
  readonly hex: string;
}

/** Streams that C clients sent ('>') and C nodes answered ('<'), one for each captured session. */
export function clientStreams(direction: '>' | '<'): Uint8Array[] {
  return readdirSync(`${ROOT}client`).map((name) => {
    const { exchanges }: { exchanges: Exchange[] } = JSON.parse(
      readFileSync(`${ROOT}client/${name}`, 'utf8'),
    );
    const parts = exchanges.filter(({ dir }) => dir === direction).map(({ hex }) => fromHex(hex));
    return new Uint8Array(Buffer.concat(parts));
  });
}

/** Raft messages of C nodes by kind; those of Connect begin with the version word. */
export function raftMessages(): readonly (readonly [kind: string, bytes: Uint8Array])[] {
  const found: [string, Uint8Array][] = [];
  for (const name of readdirSync(`${ROOT}raft`)) {
    const { messages }: { messages?: { hex?: string }[] } = JSON.parse(
      readFileSync(`${ROOT}raft/${name}`, 'utf8'),
    );
    for (const { hex } of (messages ?? []).slice(0, 3)) {
      if (hex !== undefined) found.push([name.split('.')[0], fromHex(hex)]);
    }
  }
  return found;
}

/** Data directories of C nodes: their files by name. */
export function directories(): ReadonlyMap<string, Uint8Array>[] {
  return readdirSync(`${ROOT}dirs`)
    .filter((name) => !name.endsWith('.json'))
    .map((name) => {
      const folder = `${ROOT}dirs/${name}/data`;
      return new Map(
        readdirSync(folder).map((file) => [
          file,
          new Uint8Array(readFileSync(`${folder}/${file}`)),
        ]),
      );
    });
}
