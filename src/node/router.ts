import type { SessionState, Work } from '../machine/index.ts';
import { firstKeyword } from '../sql/index.ts';
import type { Consistency } from './contract.ts';

/** State of a session before its first statement. */
export const FRESH: SessionState = { transaction: 'none', aborted: false, home: false };

export interface RouteQuestion {
  /** This node is the leader and not handing leadership over. */
  readonly leader: boolean;
  readonly work: Work;
  readonly consistency: Consistency;
  /** A declared read-only transaction. */
  readonly readOnly: boolean;
  /** undefined = a request without a session. */
  readonly state: SessionState | undefined;
  /** Who answered `redirect` so far. */
  readonly redirectedBy: readonly Place[];
}

export type Place = 'machine' | 'reader';

/** What must hold before a reader may run the request, or its answer leave. */
export type ReadCondition =
  /** Nothing: it goes on with a version that it holds, or any version will do. */
  | 'none'
  /** The replica has applied `minimumIndex`. */
  | 'minimum-index'
  /** The replica is not older than the caller allows. */
  | 'staleness'
  /** Leadership confirmed by a read round that begins after arrival. */
  | 'read-round'
  /** The same, or a lease. */
  | 'lease'
  /** The replica has applied the read index fetched from the leader after arrival. */
  | 'leader-index';

export type Route =
  /** `confirmed`: its answers need no proof of leadership begun after arrival. */
  | { readonly place: 'machine'; readonly confirmed: boolean }
  | { readonly place: 'reader'; readonly condition: ReadCondition }
  | { readonly place: 'refused'; readonly code: 'NOT_LEADER' | 'REDIRECTED' };

const NOT_LEADER: Route = { place: 'refused', code: 'NOT_LEADER' };

/** Decides who runs a request. Only a hint is taken from the text of SQL: who is wrong answers `redirect`. */
export function route(question: RouteQuestion): Route {
  const { work, leader } = question;
  const state = question.state ?? FRESH;
  if (question.readOnly) return readOnlyRoute(question, state);
  // Everything fails there until ROLLBACK, reads too, whoever leads (M12).
  if (state.aborted) return { place: 'machine', confirmed: true };
  if (state.transaction !== 'none' || state.home) {
    if (!leader) return NOT_LEADER;
    // What a write transaction has read is checked by its own commit; any other answer needs a leader.
    const confirmed = state.transaction === 'write' || weak(question.consistency);
    return { place: 'machine', confirmed };
  }
  const byMachine = question.redirectedBy.includes('machine');
  const byReader = question.redirectedBy.includes('reader');
  if (byMachine && byReader) return { place: 'refused', code: 'REDIRECTED' };
  const place = byReader ? 'machine' : byMachine ? 'reader' : firstPlace(work, leader);
  if (place === 'reader') return { place, condition: readCondition(question.consistency, leader) };
  if (!leader) return NOT_LEADER;
  return { place, confirmed: weak(question.consistency) };
}

/** A read-only transaction takes its version with its first statement and keeps it. */
function readOnlyRoute(question: RouteQuestion, state: SessionState): Route {
  if (question.redirectedBy.length > 0) return { place: 'refused', code: 'REDIRECTED' };
  if (state.transaction !== 'none') return { place: 'reader', condition: 'none' };
  const condition = readCondition(question.consistency, question.leader);
  return { place: 'reader', condition };
}

function readCondition(consistency: Consistency, leader: boolean): ReadCondition {
  if (consistency === 'session') return 'minimum-index';
  if (consistency === 'local') return 'staleness';
  if (!leader) return 'leader-index';
  return consistency === 'lease' ? 'lease' : 'read-round';
}

function weak(consistency: Consistency): boolean {
  return consistency === 'session' || consistency === 'local';
}

/** On a follower everything that may be a read is tried on a reader, which refuses what it may not do. */
function firstPlace(work: Work, leader: boolean): Place {
  switch (work.action) {
    case 'describe':
    case 'rehearse':
      return 'reader';
    case 'schema':
      return 'machine';
    case 'batch':
      return work.mode === 'read' || (work.mode === 'deferred' && !leader) ? 'reader' : 'machine';
    case 'script':
      return leader || startsAs(work.sql) === 'write' ? 'machine' : 'reader';
    case 'statement': {
      const kind = startsAs(work.statement.sql);
      if (kind === 'read')
        return usesSessionValues(work.statement.sql) && leader ? 'machine' : 'reader';
      return kind === 'unknown' && !leader ? 'reader' : 'machine';
    }
  }
}

const READS = new Set(['SELECT', 'VALUES', 'WITH', 'EXPLAIN']);
const WRITES = new Set([
  ...['INSERT', 'UPDATE', 'DELETE', 'REPLACE', 'CREATE', 'DROP', 'ALTER', 'BEGIN', 'COMMIT'],
  ...['END', 'ROLLBACK', 'SAVEPOINT', 'RELEASE', 'VACUUM', 'REINDEX', 'ANALYZE'],
]);

/** What the first word of a text lets expect. */
export function startsAs(sql: string): 'read' | 'write' | 'unknown' {
  const word = firstKeyword(sql);
  if (READS.has(word)) return 'read';
  return WRITES.has(word) ? 'write' : 'unknown';
}

/** Counters of the session live where its writes run. */
function usesSessionValues(sql: string): boolean {
  return /\b(?:last_insert_rowid|total_changes|changes)\s*\(/i.test(sql);
}
