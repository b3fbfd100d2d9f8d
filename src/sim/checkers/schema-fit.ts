import { EMPTY_CHAIN, type ManifestEntry } from '../../schema/index.ts';
import type { ViewState } from './schema-view.ts';

/** What has been applied, by number; only what the line has. */
export type Applied = ReadonlyMap<number, { readonly name: string; readonly checksum: string }>;

/**
 * Why code that knows these migrations may not use the database; undefined = it may. Told from the rules as they are written down (docs/migrations.md), not
 * by the functions under test.
 */
export function misfit(
  entries: readonly ManifestEntry[],
  state: ViewState | undefined,
  applied: Applied,
): string | undefined {
  const { version, floor, contracts } = state ?? {
    ...{ version: 0, floor: 0, chain: EMPTY_CHAIN, contracts: {} },
  };
  const line = entries.filter(({ kind }) => kind !== 'contract');
  if (version < line.length) return `version ${version} is below ${line.length}`;
  if (floor > line.length) return `floor ${floor} is above ${line.length}`;
  for (const [name, checksum] of Object.entries(contracts)) {
    const known = entries.find((entry) => entry.name === name);
    if (known?.checksum !== checksum) return `contract ${name} is unknown`;
  }
  for (const [i, { name, checksum }] of line.entries()) {
    const found = applied.get(i + 1);
    if (found?.name !== name || found.checksum !== checksum) {
      return `migration ${i + 1} is ${name} in the code and ${found?.name} in the database`;
    }
  }
  return undefined;
}
