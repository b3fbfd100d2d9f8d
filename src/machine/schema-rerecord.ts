import { QuorateError } from '../base/index.ts';
import { chainOf, EMPTY_CHAIN } from '../schema/index.ts';
import type { SchemaStore } from './schema-store.ts';

/**
 * Gives a migration that is applied the checksum of a text that was edited afterwards, `value` = NAME=CHECKSUM, and all links of the chain after it. Nothing
 * is executed; builds with the text before are refused from then on. Returns what changed, for the audit. Throws SCHEMA_BAD_REQUEST, MIGRATION_UNKNOWN.
 */
export function rerecord(store: SchemaStore, value: string): string {
  const at = value.lastIndexOf('=');
  const name = value.slice(0, Math.max(0, at));
  const checksum = value.slice(at + 1);
  if (name === '' || !/^[0-9a-f]{64}$/.test(checksum)) {
    throw new QuorateError(
      'SCHEMA_BAD_REQUEST',
      `rerecord takes NAME=CHECKSUM with 64 digits, as the message of SCHEMA_DIVERGED gives it, not ${JSON.stringify(value)}`,
    );
  }
  const applied = store.named(name);
  if (applied === undefined) {
    throw new QuorateError('MIGRATION_UNKNOWN', `${name} is not applied in '${store.namespace}'`);
  }
  const { sequence, version } = applied;
  const state = store.state();
  if (version === 0) {
    put(store, sequence, checksum, applied.chain);
    store.putState({ ...state, contracts: { ...state.contracts, [name]: checksum } });
  } else store.putState({ ...state, chain: relink(store, version, state.version, checksum) });
  return `${name}: ${applied.checksum} to ${checksum}`;
}

/** The chain from one version on; returns its end. */
function relink(store: SchemaStore, from: number, to: number, checksum: string): string {
  let before = from === 1 ? EMPTY_CHAIN : store.at(from - 1)?.chain;
  let chain = before;
  for (let version = from; version <= to; version++) {
    const row = store.at(version);
    if (row === undefined || before === undefined || chain === undefined) throw unlinked(from);
    // What a snapshot stands for has a chain of its own that is not made from its checksum.
    if (chainOf(before, row) !== row.chain) throw unlinked(version);
    const own = version === from ? checksum : row.checksum;
    before = row.chain;
    chain = chainOf(chain, { name: row.name, checksum: own });
    put(store, row.sequence, own, chain);
  }
  if (chain === undefined) throw unlinked(from);
  return chain;
}

function put({ sql }: SchemaStore, sequence: number, checksum: string, chain: string): void {
  sql.rows(
    'update __quorate_schema_history set checksum = ?2, chain = ?3 where seq = ?1',
    ...[sequence, checksum, chain],
  );
}

function unlinked(version: number): QuorateError {
  return new QuorateError(
    'SCHEMA_BAD_REQUEST',
    `migration ${version} cannot be recorded anew, because the history before it is not in the database: put its text back`,
  );
}
