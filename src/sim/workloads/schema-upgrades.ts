import { QuorateError, type Random, randomBelow } from '../../base/index.ts';
import type { Database } from '../../client/index.ts';
import { type OperatorAction, operate, schemaStatus } from '../../migrate/index.ts';
import { appliedOf, checkOutcomes, type Fate, misfit } from '../checkers/index.ts';
import { Violation } from '../violation.ts';
import { expectQuorateError, refuse } from './expected-errors.ts';
import { isFenced, type ParticipantHost, SchemaCopy } from './schema-copy.ts';
import {
  BACKFILL,
  BAD_RELEASE,
  definitionOf,
  EDITED_RELEASE,
  HOPELESS,
  RELEASES,
  type Release,
  V1_RELEASE,
  V2_RELEASE,
  V3_RELEASE,
} from './schema-releases.ts';
import { read, type TrafficSource, write } from './schema-traffic.ts';
import { type Actor, CALL_MS, type Workload } from './workload.ts';

/** A place where a copy of the application runs, or does not. */
interface Place {
  readonly id: string;
  readonly kind: 'node' | 'client';
  copy: SchemaCopy | undefined;
  /** When its last copy ended, or began. */
  changedAt: number;
  busy: boolean;
}

const NODES = ['1', '2', '3'];
const CLIENTS = ['a', 'b', 'c'];
/** A client that has been silent for so long may or may not count at a barrier. */
const SURELY_PRESENT_MS = 40_000;
const LOOK_MS = 200;

/** What the checkers know of the application. */
export const UPGRADES_SUBJECT = {
  backfill: BACKFILL,
  mayLoseRows: new Set<string>(),
  definition: definitionOf,
  knows: (name: string) => releaseOf(name)?.migrations.program.manifest.entries,
};

function releaseOf(name: string): Release | undefined {
  const [wanted] = name.split('#');
  return RELEASES.find((release) => release.name === wanted);
}

/** Copies of three releases that come, go, crash and stay away, on nodes and beside them, and operators who interfere. */
export class SchemaUpgrades implements Workload {
  readonly name = 'upgrades';
  readonly tables =
    'CREATE TABLE IF NOT EXISTS trail (id INTEGER PRIMARY KEY, release TEXT, number INTEGER);';
  acknowledged = 0;
  readonly #places: readonly Place[] = [
    ...NODES.map((id) => ({ id, kind: 'node' as const })),
    ...CLIENTS.map((id) => ({ id, kind: 'client' as const })),
  ].map((place) => ({ ...place, copy: undefined, changedAt: 0, busy: false }));
  readonly #told = new Map<number, Fate>();
  #host: ParticipantHost | undefined;
  #decisions = 0;
  #starts = 0;
  #writes = 0;
  /** What most copies that start are. */
  #current = 0;

  async step(actor: Actor): Promise<void> {
    const { participants: host, random } = actor;
    if (host === undefined) return;
    this.#host = host;
    if (host.witness !== undefined) host.witness.presence = (member) => this.#isPresent(member.id);
    const draw = random.float();
    if (draw < 0.12 || this.#starts === 0) await this.#change(random, host);
    else if (draw < 0.2) await this.#operate(random, host);
    else await this.#use(actor);
  }

  #isPresent(id: string): boolean {
    const place = this.#places.find((each) => each.id === id);
    if (place === undefined || place.kind === 'node') return this.#host?.members.has(id) !== false;
    const silentMs = (this.#host?.clock.now() ?? 0) - place.changedAt;
    return place.copy !== undefined || silentMs < SURELY_PRESENT_MS;
  }

  /** Somebody starts, ends, dies, or comes back as another release. */
  async #change(random: Random, host: ParticipantHost): Promise<void> {
    if (this.#current < 2 && random.float() < 0.15) this.#current++;
    const place = this.#places[randomBelow(random, this.#places.length)];
    if (place.busy) return;
    place.busy = true;
    try {
      const old = place.copy;
      const restarts = random.float() < 0.7;
      if (old !== undefined) {
        await this.#end(place, random.float() < 0.5, host);
        if (!restarts) return;
      }
      this.#start(place, this.#drawRelease(random, host), host);
    } finally {
      place.busy = false;
    }
  }

  #drawRelease(random: Random, host: ParticipantHost): Release {
    const draw = random.float();
    const usual = [V1_RELEASE, V2_RELEASE, V3_RELEASE];
    if (draw < 0.65) return usual[this.#current];
    if (draw < 0.9) return usual[randomBelow(random, usual.length)];
    if (draw < 0.95) return BAD_RELEASE;
    // It must not be the first to apply what it has edited: then the others would be the odd ones.
    const version = host.witness?.view.state?.version ?? 0;
    return version >= 3 ? EDITED_RELEASE : V1_RELEASE;
  }

  #start(place: Place, release: Release, host: ParticipantHost): void {
    place.copy = new SchemaCopy(host, place.id, place.kind, ++this.#starts, release);
    place.changedAt = host.clock.now();
  }

  async #end(place: Place, crashes: boolean, host: ParticipantHost): Promise<void> {
    const { copy } = place;
    if (copy === undefined) return;
    await (crashes ? copy.crash() : copy.stop());
    place.copy = undefined;
    place.changedAt = host.clock.now();
  }

  /** MI10: what an operator decides succeeds whenever there is a leader. */
  async #operate(random: Random, host: ParticipantHost): Promise<void> {
    const operator = host.connect(`operator-${++this.#decisions}`);
    const { database } = operator;
    const ids = [...NODES, ...CLIENTS];
    const id = ids[randomBelow(random, ids.length)];
    const choices: readonly (readonly [OperatorAction, string])[] = [
      ['hold', ''],
      ...[0, 0, 0].map(() => ['release', ''] as const),
      ...[0, 0, 0].map(() => ['exclude', id] as const),
      ['include', id],
      ['finalize', ''],
      ['finalize-policy', random.float() < 0.3 ? 'manual' : 'auto'],
      ['undeclared-policy', ['allow', 'read-only', 'refuse', 'allow'][randomBelow(random, 4)]],
      ['repair', HOPELESS],
    ];
    const [action, value] = choices[randomBelow(random, choices.length)];
    try {
      await this.#decide(database, action, value, CALL_MS);
      if (random.float() < 0.3) await schemaStatus(database, { timeoutMs: CALL_MS });
    } catch (error) {
      // A policy may keep out who looks at the tables; nothing keeps out who decides.
      if (!isFenced(error)) expectAdministered(error, action);
    } finally {
      await operator.close();
    }
  }

  async #decide(database: Database, action: OperatorAction, value: string, timeoutMs: number) {
    try {
      const decision = { action, value, namespace: 'app', by: 'operator', reason: 'drawn' };
      await operate(database, decision, { timeoutMs });
    } catch (error) {
      const unknown = error instanceof QuorateError && error.code === 'PARTICIPANT_NOT_FOUND';
      if (!unknown) throw error;
    }
  }

  /** What copies do with the database as long as they are told they may, and afterwards. */
  async #use(actor: Actor): Promise<void> {
    const { random } = actor;
    const running = this.#places.flatMap(({ copy }) => (copy?.declared === true ? [copy] : []));
    const copy = running[randomBelow(random, Math.max(1, running.length))];
    const pause = (): Promise<void> => actor.pause();
    const source: TrafficSource =
      copy === undefined || random.float() < 0.1
        ? {
            ...{ database: actor.database, random, release: 'none', entries: undefined, pause },
            ...{ writes: ['select 1'], reads: ['select 1'] },
          }
        : {
            ...{ database: copy.database, random, release: copy.release.name, pause },
            ...{ writes: copy.release.writes, reads: copy.release.reads },
            entries: copy.release.migrations.program.manifest.entries,
          };
    if (random.float() < 0.4) {
      await read(source);
      return;
    }
    const number = ++this.#writes;
    this.#told.set(number, 'unknown');
    const fate = await write(source, number);
    this.#told.set(number, fate);
    if (fate === 'ok') this.acknowledged++;
  }

  /** An operator puts right what was decided at random. */
  async heal(database: Database): Promise<void> {
    const host = this.#host;
    if (host === undefined) return;
    await this.#surely(host, database, 'undeclared-policy', 'allow');
    await this.#surely(host, database, 'hold', '');
    await this.#surely(host, database, 'release', '');
    await this.#surely(host, database, 'finalize-policy', 'auto');
    await this.#repair(host, database);
  }

  async #repair(host: ParticipantHost, database: Database): Promise<void> {
    const [status] = await schemaStatus(database);
    for (const { name, attempts } of status?.pending ?? []) {
      if (attempts > 0 && name !== BACKFILL) await this.#surely(host, database, 'repair', name);
    }
  }

  async #surely(
    host: ParticipantHost,
    database: Database,
    action: OperatorAction,
    value: string,
  ): Promise<void> {
    for (;;) {
      try {
        return await this.#decide(database, action, value, host.settleMs);
      } catch (error) {
        expectAdministered(error, action);
      }
      await sleep(host, LOOK_MS);
    }
  }

  /** ML1 to ML4: all that may be applied is, and whoever should serve does. */
  async check(database: Database): Promise<void> {
    const host = this.#host;
    if (host === undefined) return;
    await this.#until(host, 'ML1', () => this.#expandStuck(host));
    for (const place of this.#places) {
      if (place.copy === undefined) await this.#surely(host, database, 'exclude', place.id);
      else if (place.copy.release !== V3_RELEASE) {
        await this.#end(place, false, host);
        this.#start(place, V3_RELEASE, host);
      }
    }
    if (this.#places.every(({ copy }) => copy === undefined)) {
      this.#start(this.#places[0], V3_RELEASE, host);
    }
    await this.#until(host, 'ML1', () => this.#expandStuck(host));
    await this.#until(host, 'ML2', () => this.#unfinished());
    for (const place of this.#places) await this.#end(place, false, host);
    const rows = await database.query<{ number: number }>('select number from trail');
    const found = rows.map(({ number }) => number);
    refuse(this.name, checkOutcomes(this.#told, found));
  }

  async #until(
    host: ParticipantHost,
    invariant: string,
    missing: () => string | undefined,
  ): Promise<void> {
    const deadline = host.clock.now() + host.settleMs;
    for (let what = missing(); what !== undefined; what = missing()) {
      if (host.clock.now() > deadline) throw new Violation(invariant, what);
      await sleep(host, LOOK_MS);
    }
  }

  /** What older code survives waits for nobody, and who waits for nothing else serves. */
  #expandStuck(host: ParticipantHost): string | undefined {
    const view = host.witness?.view;
    if (view === undefined) return undefined;
    const version = view.state?.version ?? 0;
    for (const { id, copy } of this.#places) {
      if (copy === undefined || copy.release === EDITED_RELEASE) continue;
      const { line } = copy.release.migrations.program;
      const known = line.slice(0, version).every(({ name }, i) => {
        return view.history.some((row) => row.version === i + 1 && row.name === name);
      });
      const next = known ? line[version] : undefined;
      if (next?.name === HOPELESS) continue;
      if (next?.kind === 'expand' || next?.kind === 'data') return `${id} could apply ${next.name}`;
      const { entries } = copy.release.migrations.program.manifest;
      const fits = misfit(entries, view.state, appliedOf(view)) === undefined;
      if (fits && !copy.serving) return `${id} fits (${copy.release.name}) and does not serve`;
    }
    return undefined;
  }

  #unfinished(): string | undefined {
    for (const { id, copy } of this.#places) {
      if (copy === undefined) continue;
      if (!copy.serving) return `${id} does not serve`;
      const pending = copy.schema.reports.flatMap((report) => report.pending);
      if (pending.length > 0) return `${pending.join(', ')} is not applied`;
    }
    return undefined;
  }
}

/** MI10: faults excuse an operator's failure, nothing else does. */
function expectAdministered(error: unknown, action: OperatorAction): void {
  try {
    expectQuorateError(error);
  } catch {
    throw new Violation('MI10', `${action} was refused: ${String(error)}`);
  }
}

function sleep({ clock }: ParticipantHost, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve);
  });
}
