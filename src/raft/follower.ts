import {
  type AppendEntries,
  assert,
  type Configuration,
  DecodeError,
  decodeConfiguration,
  type LogIndex,
  type NodeId,
  type Term,
} from '../base/index.ts';
import type { Core } from './core.ts';
import { NONCE_BASE, QUARANTINE_INDEX } from './nonce.ts';

/** Configurations among the entries of a message, by position. */
export type DecodedConfigurations = ReadonlyMap<number, Configuration>;

const NO_CONFIGURATIONS: DecodedConfigurations = new Map();

/**
 * Checks what a message claims before it touches anything, and decodes its configurations.
 * Throws DecodeError when terms fall along it, exceed the leader's, or a configuration is malformed.
 */
export function checkEntries(message: AppendEntries): DecodedConfigurations {
  const { entries } = message;
  if (entries.length === 0) return NO_CONFIGURATIONS;
  let previous: number = message.previousTerm;
  let configurations: Map<number, Configuration> | undefined;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i];
    if (entry.term < previous || entry.term === 0)
      throw new DecodeError('terms fall along entries');
    previous = entry.term;
    if (entry.type !== 'configuration') continue;
    configurations ??= new Map();
    configurations.set(i, decodeConfiguration(entry.data));
  }
  if (previous > message.term) throw new DecodeError('an entry has a term above its leader');
  return configurations ?? NO_CONFIGURATIONS;
}

function answer(
  core: Core,
  to: NodeId,
  address: string,
  rejected: LogIndex,
  lastIndex: LogIndex,
): void {
  core.answer(to, address, { type: 'append-entries-result', term: core.term, rejected, lastIndex });
}

/** Refuses `rejected`; `hint` is where the leader should try next. */
export function reject(
  core: Core,
  to: NodeId,
  address: string,
  rejected: number,
  hint: LogIndex = core.log.lastIndex,
): void {
  answer(core, to, address, rejected as LogIndex, hint);
}

/** Tells the leader how much of its log is durable here: never more than was compared. */
export function accept(core: Core, to: NodeId, address: string): void {
  const { stored } = core.durability;
  answer(core, to, address, 0 as LogIndex, Math.min(stored, core.verified) as LogIndex);
}

/** AppendEntries of the current term; the leader is already followed. */
export function onAppendEntries(
  core: Core,
  from: NodeId,
  address: string,
  message: AppendEntries,
  configurations: DecodedConfigurations,
): void {
  const { previousIndex, previousTerm, entries } = message;
  if (core.quarantined) {
    reject(core, from, address, QUARANTINE_INDEX, 0 as LogIndex);
    return;
  }
  if (previousIndex >= NONCE_BASE) {
    reject(core, from, address, previousIndex);
    return;
  }
  if (core.installation !== undefined && entries.length > 0) return;
  const known = core.log.termOf(previousIndex);
  if (previousIndex > core.log.lastIndex) {
    reject(core, from, address, previousIndex);
    return;
  }
  if (known !== undefined && known !== previousTerm) {
    if (previousIndex <= core.commit) {
      core.fail(`committed entry ${previousIndex} has term ${known}, the leader's ${previousTerm}`);
    } else {
      const hint = core.log.lastIndexWithTerm((previousIndex - 1) as LogIndex, previousTerm);
      reject(core, from, address, previousIndex, Math.max(hint, core.commit) as LogIndex);
    }
    return;
  }
  // An unknown term below the log is that of a committed entry, which every leader has.
  const appended = appendNew(core, message, configurations);
  if (core.failure !== undefined) return;
  const verified = (previousIndex + entries.length) as LogIndex;
  if (verified > core.verified) core.verified = verified;
  if (message.commit > core.leaderCommit) core.leaderCommit = message.commit;
  followCommit(core);
  // New entries are answered when they are durable.
  if (!appended) accept(core, from, address);
}

/** Appends what is not in the log yet, after cutting what contradicts it; whether there was any. */
function appendNew(
  core: Core,
  message: AppendEntries,
  configurations: DecodedConfigurations,
): boolean {
  const { entries, previousIndex } = message;
  let position = 0;
  for (; position < entries.length; position++) {
    const index = (previousIndex + 1 + position) as LogIndex;
    if (index > core.log.lastIndex) break;
    if (index < core.log.firstIndex) continue;
    if (core.log.termOf(index) === entries[position].term) continue;
    if (index <= core.commit) {
      core.fail(`committed entry ${index} differs from the leader's`);
      return false;
    }
    assert(index > core.verified, 'an entry of this very leader is overwritten');
    core.truncate(index);
    break;
  }
  for (let i = position; i < entries.length; i++) core.append(entries[i], configurations.get(i));
  return position < entries.length;
}

/** Commits what the leader committed, as far as it is durable here and known to be the leader's. */
export function followCommit(core: Core): void {
  if (core.role === 'leader' || core.installation !== undefined) return;
  const index = Math.min(core.leaderCommit, core.verified, core.durability.stored) as LogIndex;
  if (index > core.commit) core.commitTo(index);
}

/** Entries became durable: the leader of this term hears of those that are its own. */
export function onStored(core: Core): void {
  if (core.role !== 'follower' || core.leader === 0n || core.verified === 0) return;
  followCommit(core);
  accept(core, core.leader, core.leaderAddress);
}

/** Whether a term is far enough from the end of the numbers to be believed. */
export function isPlausibleTerm(term: Term): boolean {
  return term < Number.MAX_SAFE_INTEGER - 2 ** 32;
}
