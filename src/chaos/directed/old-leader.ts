import { QuorateError } from '../../base/index.ts';
import { pause } from '../waiting.ts';
import { openPlain, Register } from './register.ts';
import { attempted, DATABASE, type DirectedCase, type Scene } from './scene.ts';

const TRIALS = 4;
const CALL_MS = 1_500;

/** The leader is cut off; a new one acknowledges writes; the old one is asked and written to all the time, and after healing. */
export const partitionedLeader: DirectedCase = {
  name: 'partitioned-leader',
  summary: 'an old leader behind a partition gives no old answer and acknowledges nothing',
  async run(scene) {
    const register = new Register(scene);
    await register.create();
    await scene.persist('CREATE TABLE IF NOT EXISTS attempt (id INTEGER PRIMARY KEY)');
    for (let trial = 0; trial < TRIALS; trial++) await partitionTrial(scene, register, trial);
    const { own, plain, refused } = register.seen;
    scene.note(`${own} answers to our client, ${plain} to a plain one, ${refused} refused`);
    scene.expect(own > 10 && plain > 10 && refused > 0, 'the old leader was hardly asked');
  },
};

async function partitionTrial(scene: Scene, register: Register, trial: number): Promise<void> {
  const { fleet } = scene;
  const old = await scene.leader();
  scene.note(`${old.name} is cut off`);
  const inside = scene.clientOf(old, `inside-${trial}`);
  register.stopped = false;
  const readers = [
    register.readOwn(inside, old),
    register.readOwn(inside, old),
    register.readPlain(fleet, old, `plain-${trial}`),
  ];
  await pause(300);
  scene.isolate(old);
  const writes = Array.from({ length: 5 }, (_, i) => trial * 10 + i).map(async (id) => {
    await pause((id % 10) * 100);
    const database = inside.database(DATABASE, { timeoutMs: CALL_MS });
    return {
      id,
      result: await attempted(() => database.execute(`INSERT INTO attempt VALUES (${id})`)),
    };
  });
  await register.raise();
  await register.raise();
  await pause(500);
  fleet.links.heal();
  await pause(1_500);
  register.stopped = true;
  await Promise.all(readers);
  const results = await Promise.all(writes);
  const stored = new Set((await scene.column('SELECT id FROM attempt')).map(Number));
  for (const { id, result } of results) {
    const outcome = result instanceof QuorateError ? result.outcome : 'committed';
    if (outcome === 'committed') scene.expect(stored.has(id), `lost write: ${id}`);
    if (outcome === 'rolled-back') scene.expect(!stored.has(id), `wrong outcome: ${id} is stored`);
  }
  await inside.close();
}

/**
 * The leader hears nobody any more and hands its leadership over: another one leads at once, long before the old one can have
 * noticed anything. Without a proof of leadership for each read it would now tell the past.
 */
export const deposedLeader: DirectedCase = {
  name: 'deposed-leader',
  summary: 'a leader that hears nobody gives no old answer while another one already leads',
  async run(scene) {
    const register = new Register(scene);
    await register.create();
    let newer = 0;
    for (let trial = 0; trial < TRIALS * 2; trial++)
      newer += await deposeTrial(scene, register, trial);
    const { own, plain, refused } = register.seen;
    scene.note(`${own} answers to our client, ${plain} to a plain one, ${refused} refused`);
    scene.note(`${newer} increments were acknowledged elsewhere before the link was whole again`);
    scene.expect(own > 10 && plain > 10 && refused > 0, 'the old leader was hardly asked');
    scene.expect(newer > TRIALS, 'the new leaders hardly wrote');
  },
};

async function deposeTrial(scene: Scene, register: Register, trial: number): Promise<number> {
  const { fleet } = scene;
  const old = await scene.leader();
  const inside = scene.clientOf(old, `inside-${trial}`);
  const outside = fleet.client(`outside-${trial}`, old);
  register.stopped = false;
  const readers = [
    register.readOwn(inside, old),
    register.readOwn(inside, old),
    register.readPlain(fleet, old, `plain-a-${trial}`),
    register.readPlain(fleet, old, `plain-b-${trial}`),
  ];
  await pause(300);
  scene.note(`${old.name} hears nobody and hands over`);
  scene.isolate(old, 'deaf');
  const before = register.acknowledged;
  const transfer = attempted(() => fleet.admin.cluster.transfer(undefined, { timeoutMs: CALL_MS }));
  const raising = register.keepRaising(outside.client);
  await pause(2_000);
  const raised = register.acknowledged - before;
  fleet.links.heal();
  await pause(500);
  register.stopped = true;
  await Promise.all([...readers, raising, transfer]);
  await Promise.all([inside.close(), outside.close()]);
  return raised;
}

/** The leader stands still; a new one acknowledges writes; what waits in the old one's sockets is answered when it goes on. */
export const pausedLeader: DirectedCase = {
  name: 'paused-leader',
  summary: 'the first answers of a leader that stood still are not old',
  async run(scene) {
    const register = new Register(scene);
    await register.create();
    let answered = 0;
    for (let trial = 0; trial < TRIALS; trial++)
      answered += await pauseTrial(scene, register, trial);
    scene.note(`${answered} requests that waited in sockets were answered with rows`);
    scene.expect(answered > 0, 'nothing that waited was answered');
  },
};

async function pauseTrial(scene: Scene, register: Register, trial: number): Promise<number> {
  const { fleet } = scene;
  const old = await scene.leader();
  scene.note(`${old.name} stands still`);
  const client = scene.clientOf(old, `own-${trial}`);
  const database = client.database(DATABASE, { timeoutMs: 20_000, readFrom: old.address });
  await attempted(() => database.first('SELECT n FROM counter'));
  const network = fleet.network(`plain-${trial}`);
  const sessions = await Promise.all(Array.from({ length: 5 }, () => openPlain(network, old)));
  old.process.pause();
  await register.raise();
  await register.raise();
  const before = register.acknowledged;
  const plain = sessions.map((session) =>
    session.value('SELECT n FROM counter', 20_000).catch(() => undefined),
  );
  const own = Array.from({ length: 5 }, () =>
    attempted(() => database.first<{ n: number }>('SELECT n FROM counter')),
  );
  await pause(100);
  old.process.resume();
  const values = [
    ...(await Promise.all(plain)),
    ...(await Promise.all(own)).map((row) => (row instanceof QuorateError ? undefined : row?.n)),
  ].filter((value) => value !== undefined);
  for (const value of values) {
    scene.expect(
      Number(value) >= before,
      `stale read: ${old.name} answered ${value} when ${before} was acknowledged`,
    );
  }
  for (const session of sessions) session.close();
  await client.close();
  await network.close();
  fleet.links.heal();
  return values.length;
}

/** A leader that is heard and does not hear must give way, as one that hears and is not heard. */
export const oneWayLeader: DirectedCase = {
  name: 'one-way-leader',
  summary: 'a leader with links in one direction only does not stop the cluster for ever',
  async run(scene) {
    const register = new Register(scene);
    await register.create();
    for (const direction of ['deaf', 'mute', 'deaf', 'mute'] as const) {
      const old = await scene.leader();
      scene.note(`${old.name} is ${direction}`);
      scene.isolate(old, direction);
      await register.raise();
      const now = await scene.leader();
      scene.expect(now !== old, `${old.name} still leads though it is ${direction}`);
      scene.fleet.links.heal();
      await register.raise();
    }
  },
};
