import { setTimeout as delay } from 'node:timers/promises';
import { printable, QuorateError } from '../base/index.ts';
import type { CallOptions } from '../client/index.ts';
import { boardOf } from './migrate-board.ts';
import type { Look } from './migrate-look.ts';
import type { View } from './migrate-view.ts';
import { waitJson } from './migrate-wait-text.ts';
import type { Where } from './migrate-where.ts';

/** How following migrations ended. */
export type End = 'reached' | 'timeout' | 'blocked' | 'failed' | 'interrupted';

/** Exit codes of `up`, `wait` and `preflight`; the command line's own are 1 (error) and 2 (wrong use). */
export const EXIT: Readonly<Record<End, number>> = {
  ...{ reached: 0, timeout: 2, blocked: 3, failed: 4, interrupted: 130 },
};

export const EXIT_TEXT =
  'Exit codes: 0 reached, 2 time is over, 3 somebody or something is waited for, 4 failed or refused; 1 and 2 also as for every command.';

/** One look, and whether it is the last. */
export interface Step extends Look {
  readonly end?: 'reached' | 'failed' | 'blocked' | undefined;
  /** Why it ends, or what the database answered. */
  readonly text?: string | undefined;
  /** What attempts were refused with, by migration. */
  readonly refusals?: ReadonlyMap<string, string> | undefined;
}

export interface Following {
  readonly view: View;
  readonly where: Where;
  /** Undefined = no limit. */
  readonly timeoutMs: number | undefined;
  /** Aborted when somebody wants it to end. */
  readonly signal: AbortSignal;
  readonly intervalMs?: number | undefined;
  look(options: CallOptions): Promise<Step>;
  /** Shows what was found; default: the board. */
  readonly show?: ((step: Step) => void) | undefined;
}

const INTERVAL_MS = 1_000;
const CALL_MS = 10_000;

/** Looks again and again until the goal is reached, cannot be reached, or nobody waits any longer. */
export async function follow(following: Following): Promise<End> {
  const { view, timeoutMs, signal, intervalMs = INTERVAL_MS } = following;
  const over = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
  const stop = over === undefined ? signal : AbortSignal.any([signal, over]);
  let last: Step = { statuses: [], waits: [] };
  while (!stop.aborted) {
    const step = await lookOnce(following, stop);
    if (step !== undefined) last = step;
    if (step?.end !== undefined) return finish(view, step.end, step.text);
    await delay(intervalMs, undefined, { signal: stop }).catch(() => undefined);
  }
  const end = signal.aborted ? 'interrupted' : endAtTimeout(last);
  return finish(view, end, undefined);
}

/** What it means that the time is over: a wait for others, or merely too little time. */
export function endAtTimeout({ waits, refusals }: Step): End {
  if (waits.some(({ obstacle }) => obstacle === 'repair')) return 'failed';
  return waits.length > 0 || (refusals !== undefined && refusals.size > 0) ? 'blocked' : 'timeout';
}

/** Undefined when the database could not be asked. */
async function lookOnce(
  { look, view, where, show }: Following,
  stop: AbortSignal,
): Promise<Step | undefined> {
  const boardShown = (step: Step): void =>
    view.board(boardOf(step, where, step.refusals), {
      event: 'status',
      namespaces: step.statuses.map(({ applied: _, ...status }) => status),
      waits: step.waits.map((wait) => waitJson(wait, where)),
    });
  try {
    const step = await look({ signal: stop, timeoutMs: CALL_MS });
    (show ?? boardShown)(step);
    return step;
  } catch (error) {
    if (stop.aborted) return undefined;
    if (!(error instanceof QuorateError)) throw error;
    const { code, message } = error;
    const text = printable(`the database cannot be asked: ${code}: ${message}`);
    view.board({ lines: [text], progress: [] }, { event: 'unreachable', code, message });
    return undefined;
  }
}

const TEXTS: Readonly<Record<End, string>> = {
  reached: 'reached',
  timeout: 'the time is over',
  blocked: 'the time is over, and somebody is waited for',
  failed: 'failed',
  interrupted: 'interrupted',
};

function finish(view: View, end: End, text: string | undefined): End {
  const line = text === undefined ? TEXTS[end] : printable(`${end}: ${text}`);
  view.end(line, {
    event: 'end',
    end,
    exitCode: EXIT[end],
    ...(text === undefined ? {} : { text }),
  });
  return end;
}
