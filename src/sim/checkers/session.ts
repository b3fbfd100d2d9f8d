import type { Anomaly, Operation } from './history.ts';

/** What one session wrote or saw of a version number that only grows. In the order of the session. */
export interface SessionOperation extends Operation {
  readonly session: number;
  readonly kind: 'read' | 'write';
  readonly version: number;
}

/** A session sees its own writes, and never looks back, on whatever node. */
export function checkSessions(history: readonly SessionOperation[]): Anomaly | undefined {
  const wrote = new Map<number, number>();
  const saw = new Map<number, number>();
  for (const { session, kind, version, fate, client, invokedAt } of history) {
    if (fate !== 'ok') continue;
    const detail = `session ${session} of client ${client} has ${version} at ${invokedAt}, had`;
    const written = wrote.get(session) ?? -1;
    const seen = saw.get(session) ?? -1;
    if (version < written) return { name: 'own write unseen', detail: `${detail} ${written}` };
    if (version < seen) return { name: 'non-monotonic session', detail: `${detail} ${seen}` };
    (kind === 'write' ? wrote : saw).set(session, version);
  }
  return undefined;
}
