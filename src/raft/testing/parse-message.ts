import { assert, type Entry, type LogIndex, type NodeId, type Term } from '../../base/index.ts';
import type { PlainMessage } from '../core.ts';
import { NONCE_BASE } from '../nonce.ts';

type Named = ReadonlyMap<string, string>;

function indexOf(text: string): number {
  return text.startsWith('round-') ? NONCE_BASE + Number(text.slice(6)) : Number(text);
}

function pair(named: Named, name: string): { readonly index: LogIndex; readonly term: Term } {
  const [index, term] = (named.get(name) ?? '0/0').split('/');
  return { index: indexOf(index) as LogIndex, term: Number(term) as Term };
}

function number(named: Named, name: string): number {
  return indexOf(named.get(name) ?? '0');
}

/** A hand-made message, for what a correct cluster would not send at this moment. */
export function parseMessage(
  type: string,
  flags: readonly string[],
  named: Named,
  from: NodeId,
): PlainMessage {
  const term = number(named, 'term') as Term;
  const last = pair(named, 'last');
  switch (type) {
    case 'request-vote':
      return {
        type,
        term,
        candidate: from,
        lastIndex: last.index,
        lastTerm: last.term,
        disrupt: flags.includes('disrupt'),
        preVote: flags.includes('pre-vote'),
      };
    case 'request-vote-result':
      return {
        type,
        term,
        granted: flags.includes('granted'),
        preVote: flags.includes('old') ? undefined : flags.includes('pre-vote'),
      };
    case 'append-entries': {
      const previous = pair(named, 'prev');
      const text = named.get('entries') ?? '';
      const entries = text === '' ? [] : text.split(',').map(entryOfTerm);
      return {
        type,
        term,
        previousIndex: previous.index,
        previousTerm: previous.term,
        commit: number(named, 'commit') as LogIndex,
        entries,
      };
    }
    case 'append-entries-result':
      return {
        type,
        term,
        rejected: number(named, 'rejected') as LogIndex,
        lastIndex: number(named, 'last') as LogIndex,
      };
    default:
      assert(type === 'timeout-now', () => `no message ${type}`);
      return { type, term, lastIndex: last.index, lastTerm: last.term };
  }
}

function entryOfTerm(term: string): Entry {
  return { term: Number(term) as Term, type: 'command', data: new Uint8Array(8) };
}
