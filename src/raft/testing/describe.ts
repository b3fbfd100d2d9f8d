import type { Configuration, Entry, InstallSnapshot } from '../../base/index.ts';
import type { Envelope, PersistOperation, RaftEffect } from '../contract.ts';
import type { PlainMessage } from '../core.ts';
import { KEEPALIVE_INDEX, NONCE_BASE } from '../nonce.ts';

/** Indexes that are questions get names. */
function describeIndex(index: number): string {
  if (index === KEEPALIVE_INDEX) return 'keepalive';
  if (index === NONCE_BASE) return 'quarantine';
  return index > NONCE_BASE ? `round-${index - NONCE_BASE}` : String(index);
}

function describeEntries(entries: readonly Entry[]): string {
  const letters = { command: '', barrier: 'b', configuration: 'c' };
  return `[${entries.map((entry) => `${entry.term}${letters[entry.type]}`).join(' ')}]`;
}

export function describeConfiguration({ members }: Configuration): string {
  if (members.length === 0) return 'nobody';
  return members.map(({ id, role }) => (role === 'voter' ? id : `${id}:${role}`)).join(',');
}

export function describeMessage(message: PlainMessage | InstallSnapshot): string {
  switch (message.type) {
    case 'append-entries': {
      const { term, previousIndex, previousTerm, commit, entries } = message;
      const previous = `${describeIndex(previousIndex)}/${previousTerm}`;
      return `append t${term} prev=${previous} commit=${commit} ${describeEntries(entries)}`;
    }
    case 'append-entries-result': {
      const { term, rejected, lastIndex } = message;
      const fate = rejected === 0 ? 'ok' : `rejected=${describeIndex(rejected)}`;
      return `result t${term} ${fate} last=${lastIndex}`;
    }
    case 'request-vote': {
      const { term, lastIndex, lastTerm, disrupt, preVote } = message;
      const kind = preVote ? 'pre-vote?' : disrupt ? 'vote? disrupt' : 'vote?';
      return `${kind} t${term} last=${lastIndex}/${lastTerm}`;
    }
    case 'request-vote-result': {
      const kind =
        message.preVote === undefined ? 'old-vote' : message.preVote ? 'pre-vote' : 'vote';
      return `${kind} t${message.term} ${message.granted ? 'granted' : 'refused'}`;
    }
    case 'timeout-now':
      return `timeout-now t${message.term} last=${message.lastIndex}/${message.lastTerm}`;
    case 'install-snapshot': {
      const { term, lastIndex, lastTerm, configuration } = message;
      return `snapshot t${term} ${lastIndex}/${lastTerm} ${describeConfiguration(configuration)}`;
    }
  }
}

export function describeEnvelope(from: bigint, { to, message }: Envelope, late: boolean): string {
  return `${from}->${to} ${describeMessage(message)}${late ? ' (when durable)' : ''}`;
}

export function describeOperation(operation: PersistOperation): string {
  if (operation.kind === 'metadata') return `term ${operation.term} vote ${operation.vote}`;
  if (operation.kind === 'truncate') return `truncate ${operation.from}`;
  return `append ${operation.first}${describeEntries(operation.entries)}`;
}

export function describeEffect(effect: RaftEffect): string {
  switch (effect.kind) {
    case 'commit':
      return `commit ${effect.first}${describeEntries(effect.entries)}`;
    case 'accepted':
      return `accepted ${effect.index}/${effect.term}`;
    case 'refused':
      return 'refused';
    case 'role':
      return `is ${effect.role} t${effect.term}`;
    case 'leader':
      return `leader ${effect.id}`;
    case 'configuration': {
      const members = describeConfiguration(effect.configuration);
      return `configuration ${effect.index} ${members}${effect.committed ? '' : ' uncommitted'}`;
    }
    case 'leadership-proven':
      return `proven at ${effect.index}`;
    case 'read-confirmed':
      return `read ${effect.tag} confirmed at ${effect.index}`;
    case 'read-failed':
      return `read ${effect.tag} failed: ${effect.reason}`;
    case 'change-finished':
      return `change finished: ${effect.error ?? 'ok'}`;
    case 'transfer-finished':
      return `transfer finished: ${effect.error ?? 'ok'}`;
    case 'send-snapshot':
      return `send-snapshot to ${effect.to}`;
    case 'fetch-entries':
      return `fetch ${effect.first}..${effect.last} for ${effect.to}`;
    case 'install':
      return `install ${effect.message.lastIndex}/${effect.message.lastTerm}`;
    case 'skip-install':
      return 'skip-install';
    case 'fatal':
      return `FATAL ${effect.message}`;
  }
}
