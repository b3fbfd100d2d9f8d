import type { Database } from '../../client/index.ts';
import { Ledger } from './ledger.ts';
import type { Place } from './places.ts';
import { Progress } from './print.ts';

const ROWS_PER_BATCH = 250;

const INSERT_PLACE = `INSERT INTO places (id, name, country, region, kind, population, longitude, latitude)
  SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
         CAST(value ->> 6 AS REAL), CAST(value ->> 7 AS REAL) FROM json_each(?)`;

export interface LoadResult {
  readonly ledger: Ledger;
  readonly seconds: number;
}

/** Loads all places through several concurrent clients; each batch of fresh ids is tried exactly once. */
export async function loadPlaces(
  clients: readonly Database[],
  places: readonly Place[],
): Promise<LoadResult> {
  const ledger = new Ledger();
  const progress = new Progress();
  const startedAt = performance.now();
  let next = 0;
  const work = async (client: Database): Promise<void> => {
    while (next < places.length) {
      const rows = places.slice(next, next + ROWS_PER_BATCH);
      next += rows.length;
      const ids = rows.map((row) => row.id);
      try {
        await client.execute(INSERT_PLACE, [JSON.stringify(rows.map(toArray))]);
        ledger.acknowledge(ids, performance.now());
      } catch (error) {
        ledger.fail(ids, error);
      }
      progress.show(progressText(ledger.acknowledged.size, places.length, startedAt));
    }
  };
  await Promise.all(clients.map(work));
  const seconds = (performance.now() - startedAt) / 1000;
  progress.end(`loaded ${ledger.acknowledged.size} places in ${seconds.toFixed(1)} s`);
  return { ledger, seconds };
}

function progressText(done: number, total: number, startedAt: number): string {
  const seconds = (performance.now() - startedAt) / 1000;
  const share = Math.floor((100 * done) / total);
  return `${done} of ${total} places (${share} %), ${Math.round(done / seconds)} rows/s`;
}

function toArray(place: Place): (string | number)[] {
  return [
    place.id,
    place.name,
    place.country,
    place.region,
    place.kind,
    place.population,
    place.longitude,
    place.latitude,
  ];
}

/** Single-row inserts of fresh ids by every client until `stop` is aborted. */
export async function writeEvents(
  clients: readonly Database[],
  stop: AbortSignal,
  ledger: Ledger,
  firstId: number,
): Promise<number> {
  let next = firstId;
  const work = async (client: Database, number: number): Promise<void> => {
    while (!stop.aborted) {
      const id = next++;
      try {
        await client.execute('INSERT INTO events (id, client, note) VALUES (?, ?, ?)', [
          id,
          number,
          `event ${id} of client ${number}`,
        ]);
        ledger.acknowledge([id], performance.now());
      } catch (error) {
        ledger.fail([id], error);
      }
    }
  };
  await Promise.all(clients.map(work));
  return next;
}
