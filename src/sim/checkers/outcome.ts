import type { Anomaly, Fate } from './history.ts';

/** DEF and ACK: what clients were told of each write, against what is stored in the end (an id for each row, also repeated ones). */
export function checkOutcomes(
  told: ReadonlyMap<number, Fate>,
  stored: Iterable<number>,
): Anomaly | undefined {
  const found = new Set<number>();
  for (const id of stored) {
    if (found.has(id)) return { name: 'duplicated write', detail: `${id} is stored twice` };
    found.add(id);
    const fate = told.get(id);
    if (fate === undefined) {
      return { name: 'phantom', detail: `${id} is stored and nobody was told so` };
    }
    if (fate === 'failed') {
      return { name: 'wrong outcome', detail: `${id} was reported rolled back and is stored` };
    }
  }
  for (const [id, fate] of told) {
    if (fate === 'ok' && !found.has(id)) {
      return { name: 'lost write', detail: `${id} was acknowledged and is gone` };
    }
  }
  return undefined;
}
