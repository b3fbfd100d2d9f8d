import { QuorateError } from '../../base/index.ts';
import { Ledger } from '../ledger.ts';
import { PULSE_TABLE, Pulse } from '../pulse.ts';
import { restore } from '../verdict.ts';
import { eventually } from '../waiting.ts';
import { DATABASE, type DirectedCase, type Scene } from './scene.ts';

const ROUNDS = 4;
const WRITERS = 4;
const LIMIT_MS = 60_000;

/** All nodes are killed in the moment of an acknowledgement. */
export const crashAfterAcknowledgement: DirectedCase = {
  name: 'crash-after-acknowledgement',
  summary: 'kill -9 of all nodes right after an acknowledgement loses nothing',
  async run(scene) {
    const { fleet } = scene;
    await scene.persist(PULSE_TABLE);
    const ledger = new Ledger();
    for (let round = 0; round < ROUNDS; round++) {
      const pulses = startPulses(scene, ledger, `round-${round}`);
      const enough = ledger.acknowledged.size + 20 + round * 7;
      await new Promise<void>((resolve) => {
        ledger.onAcknowledge = () => {
          if (ledger.acknowledged.size < enough) return;
          ledger.onAcknowledge = undefined;
          resolve();
          for (const { process } of fleet.machines) void process.stop('SIGKILL');
        };
      });
      await eventually('all to be gone', LIMIT_MS, () =>
        Promise.resolve(fleet.machines.every(({ process }) => !process.running)),
      );
      scene.note(`all killed after ${ledger.acknowledged.size} acknowledgements`);
      await Promise.all([restore(fleet), ...pulses.map((pulse) => pulse.stop())]);
      await compare(scene, ledger);
    }
  },
};

/** SIGTERM to the leader under load: another leads before the process has ended, and it ends with 0. */
export const terminatedLeader: DirectedCase = {
  name: 'terminated-leader',
  summary: 'SIGTERM of the leader hands leadership over before the process ends',
  async run(scene) {
    const { fleet } = scene;
    await scene.persist(PULSE_TABLE);
    const ledger = new Ledger();
    const pulses = startPulses(scene, ledger, 'pulse');
    for (let round = 0; round < ROUNDS; round++) {
      const old = await scene.leader();
      const before = await fleet.status(old);
      const sinceMs = performance.now();
      const code = await old.process.stop('SIGTERM');
      const now = await fleet.leader();
      scene.expect(code === 0, `${old.name} ended with ${code} on SIGTERM`);
      scene.expect(
        now !== undefined && now !== old,
        `nobody led when ${old.name} (term ${before?.term}) had ended`,
      );
      const served = (): number | undefined => ledger.firstAfter(sinceMs);
      await eventually('a write after SIGTERM', LIMIT_MS, () =>
        Promise.resolve(served() !== undefined),
      );
      const gapMs = Math.round((served() ?? 0) - sinceMs);
      scene.note(`SIGTERM ${old.name}: ${now?.name} leads; written again after ${gapMs} ms`);
      await restore(fleet);
      await fleet.settled(LIMIT_MS);
    }
    await Promise.all(pulses.map((pulse) => pulse.stop()));
    const lost = [...ledger.errors].filter(([code]) => code === 'OUTCOME_UNKNOWN');
    scene.note(
      `errors: ${[...ledger.errors].map(([code, n]) => `${code} ${n}`).join(', ') || 'none'}`,
    );
    scene.expect(lost.length === 0, 'a write lost its outcome though leadership was handed over');
    await compare(scene, ledger);
  },
};

function startPulses(scene: Scene, ledger: Ledger, name: string): Pulse[] {
  return Array.from({ length: WRITERS }, (_, i) => {
    const pulse = new Pulse({
      client: scene.fleet.client(`${name}-${i}`),
      database: DATABASE,
      ledger,
      everyMs: 1,
      demandsFresh: true,
    });
    pulse.start();
    return pulse;
  });
}

async function compare(scene: Scene, ledger: Ledger): Promise<void> {
  const stored = (await scene.column('SELECT id FROM pulse')).map(Number);
  scene.findings.push(...ledger.check(new Set(stored)), ...ledger.anomalies.splice(0));
}

/** A connection ends in a transaction: no effect, and nobody waits for the dead. */
export const lostTransaction: DirectedCase = {
  name: 'lost-transaction',
  summary: 'a connection lost in a transaction leaves no effect and no lock',
  async run(scene) {
    const { fleet } = scene;
    await scene.persist('CREATE TABLE IF NOT EXISTS half (id INTEGER PRIMARY KEY)');
    for (const way of ['torn', 'cut', 'torn', 'cut'] as const) {
      const victim = fleet.client(`victim-${way}`);
      const database = victim.client.database(DATABASE, { timeoutMs: 10_000 });
      await database.query('SELECT 1');
      const transaction = await database.transaction('write');
      await transaction.execute('INSERT INTO half (id) VALUES (1)');
      scene.note(`the connection is ${way}`);
      for (const { name } of fleet.machines) {
        if (way === 'torn') fleet.links.tear(victim.name, name, () => 1);
        else fleet.links.setBoth(victim.name, name, { cut: true, delayMs: 0, bytesPerSecond: 1 });
      }
      const commit = transaction
        .execute('INSERT INTO half (id) VALUES (2)')
        .then(() => transaction.commit().then(() => 'committed', outcomeOf), outcomeOf);
      await scene.persist('INSERT OR IGNORE INTO half (id) VALUES (3)', 15_000);
      const rows = (await scene.column('SELECT id FROM half ORDER BY id')).join();
      scene.expect(rows === '3', `after a lost transaction the rows are ${rows}`);
      fleet.links.heal();
      const outcome = await commit;
      scene.expect(outcome === 'rolled-back', `the lost transaction was told ${outcome}`);
      transaction.close();
      await victim.close();
    }
  },
};

function outcomeOf(error: unknown): string {
  return error instanceof QuorateError ? (error.outcome ?? error.code) : String(error);
}
