import { assert, type LogIndex, PAGE_SIZE_BYTES } from '../base/index.ts';
import { sizeAfterUpdate } from '../pages/index.ts';
import { decodeCommand } from '../wire/index.ts';
import type { MachineCore } from './machine-core.ts';

/**
 * Applies a committed command that is not a live seal of this node (fsm.md §4). Returns true when the list of databases changed.
 * Throws QuorateError for a command that cannot be decoded or does not fit: the node cannot go on.
 */
export function applyCommand(core: MachineCore, index: LogIndex, bytes: Uint8Array): boolean {
  const command = decodeCommand(bytes);
  // OPEN, UNDO and CHECKPOINT come from old leaders and have no effect on pages.
  if (command.kind !== 'frames') return false;
  const database = core.database(command.database);
  const { store } = database;
  assert(!store.speculative, 'a command is applied over speculation (M2)');
  const before = store.published.pages;
  const { pages, deleted } = sizeAfterUpdate(command, before);
  if (deleted) {
    removeDatabase(core, command.database);
    return true;
  }
  store.apply(command, pages, index);
  const { pageNumbers, images } = command;
  database.pinBudget.published(store, pageNumbers.length);
  const at = pageNumbers.lastIndexOf(1) * PAGE_SIZE_BYTES;
  if (at >= 0) core.sawPageOne(command.database, images.subarray(at, at + PAGE_SIZE_BYTES));
  return before === 0;
}

/** Forgets a database (S11): its name disappears, a later command makes it anew. */
export function removeDatabase(core: MachineCore, name: string): void {
  const database = core.databases.get(name);
  if (database === undefined) return;
  core.engine.closeAll(database.store);
  database.forgetConnections();
  core.databases.delete(name);
  core.directory.remove(name);
  core.retire(database.store);
}
