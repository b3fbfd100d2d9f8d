import { describe, expect, test } from 'vitest';
import { operate } from '../migrate/index.ts';
import { EMPTY_VIEW } from './checkers/index.ts';
import { loadSqlite, sha256, turn } from './platform.ts';
import type { Profile } from './profile.ts';
import { type RunReport, runSeed } from './run.ts';
import type { ParticipantHost } from './workloads/index.ts';
import { SchemaCopy } from './workloads/schema-copy.ts';
import { V1_RELEASE } from './workloads/schema-releases.ts';
import type { World } from './world.ts';

const platform = { module: loadSqlite(), hash: sha256, turn };
const CALM: Partial<Profile> = {
  ...{ nodes: 3, faultEveryMs: 1e9, clients: 8, thinkMs: 300 },
  diskLatencyMs: { min: 0.05, max: 0.2 },
};

function run(
  seed: number,
  hours: number,
  profile: Partial<Profile> = {},
  plant?: (host: ParticipantHost) => void,
): Promise<RunReport> {
  const sabotage = async (world: World) => {
    if (world.participants === undefined) throw new Error('nobody takes part');
    plant?.(world.participants);
  };
  const plan = { seed, hours, profileName: 'migrations', profile } as const;
  return runSeed({ ...platform, ...plan, sabotage });
}

describe('rolling upgrades', () => {
  test('seed 1 twice: nothing is broken, and the same happens', async () => {
    const first = await run(1, 0.001, CALM);
    expect(first.acknowledged).toBeGreaterThan(2);
    expect(await run(1, 0.001, CALM)).toEqual(first);
  }, 60_000);

  test('MI9: a copy that serves and was never registered', async () => {
    const unseen = run(1, 0.001, CALM, (host) => {
      if (host.witness !== undefined) host.witness.wasFit = () => false;
    });
    await expect(unseen).rejects.toThrow('MI9');
  }, 60_000);

  test('MI12: an answer that is not in the history', async () => {
    const unseen = run(1, 0.001, CALM, (host) => {
      Object.defineProperty(host.witness, 'view', { get: () => EMPTY_VIEW });
    });
    await expect(unseen).rejects.toThrow('MI12');
  }, 60_000);

  test('MI10: an operator who can do nothing', async () => {
    const refused = run(1, 0.002, CALM, (host) => {
      const { connect } = host;
      host.connect = (name) => {
        const connection = connect(name);
        if (name.startsWith('operator')) void connection.close();
        return connection;
      };
    });
    await expect(refused).rejects.toThrow('MI10');
  }, 60_000);

  test('ML1: an operator who holds everything again and again', async () => {
    const held = run(1, 0.002, CALM, (host) => {
      host.settleMs = 5000;
      const { database } = host.connect('stubborn');
      const hold = (): void => {
        const decision = { action: 'hold', value: '', by: 'nobody', reason: '' } as const;
        // Before that there is a breaking migration to come, which may wait.
        const expandIsNext = (host.witness?.view.state?.version ?? 0) >= 2;
        if (expandIsNext)
          operate(database, { ...decision, namespace: 'app' }).catch(() => undefined);
        host.clock.after(20, hold);
      };
      hold();
    });
    await expect(held).rejects.toThrow('ML1');
  }, 60_000);

  test('ML2: a copy of the first release that never ends', async () => {
    const blocked = run(1, 0.001, CALM, (host) => {
      host.settleMs = 8000;
      new SchemaCopy(host, 'z', 'client', 999, V1_RELEASE);
    });
    await expect(blocked).rejects.toThrow('ML2');
  }, 60_000);
});
