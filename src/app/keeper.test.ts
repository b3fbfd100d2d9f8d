import { expect, test } from 'vitest';
import { type Member, type NodeId, type Role, term } from '../base/index.ts';
import { SystemRandom } from '../net/index.ts';
import type { Node, NodeEvent } from '../node/index.ts';
import type { TaskContext } from './join.ts';
import { Keeper } from './keeper.ts';

/* The keeper asks for things that may take for ever. */

const MEMBERS: readonly Member[] = [
  { id: 1n, address: 'a:1', role: 'voter' },
  { id: 2n, address: 'b:1', role: 'voter' },
  { id: 3n, address: 'c:1', role: 'stand-by' },
];

/** A leader whose other members answer nothing and whose promotions never end. */
class StuckLeader {
  readonly assigned: [NodeId, Role][] = [];
  readonly failureDomain = 0n;
  readonly weight = 0n;
  readonly #assigning: () => void;
  #listener: (event: NodeEvent) => void = () => undefined;

  constructor(assigning: () => void) {
    this.#assigning = assigning;
  }

  on(listener: (event: NodeEvent) => void): () => void {
    this.#listener = listener;
    return () => undefined;
  }

  lead(): void {
    this.#listener({ kind: 'role', role: 'leader', term: term(2) });
  }

  isLeader(): boolean {
    return true;
  }

  members = MEMBERS;

  /** Their raft answers. */
  hasHeardAll(): boolean {
    return true;
  }

  status() {
    return { id: 1n, address: 'a:1', members: this.members, memberRole: 'voter' as const };
  }

  assign(id: NodeId, role: Role): Promise<void> {
    this.assigned.push([id, role]);
    this.#assigning();
    return new Promise(() => undefined);
  }
}

test('its end waits for no promotion', async () => {
  let leader: StuckLeader | undefined;
  const assigning = new Promise<void>((resolve) => {
    leader = new StuckLeader(resolve);
  });
  if (leader === undefined) throw new Error('not reached');
  const keeper = new Keeper(context(leader), undefined, false);
  keeper.start();
  leader.lead();
  await assigning;
  expect(leader.assigned).toEqual([[3n, 'voter']]);
  await keeper.stop(false);
});

test('members that do not say what they are are asked again and again, though raft hears them', async () => {
  const leader = new StuckLeader(() => undefined);
  leader.members = MEMBERS.map((member) => ({ ...member, role: 'voter' as const }));
  let asked = 0;
  let askedTwice: () => void = () => undefined;
  const again = new Promise<void>((resolve) => {
    askedTwice = resolve;
  });
  // One question lasts for 2 s, the next one comes a second later.
  let first: number | undefined;
  const dial = (): Promise<never> => {
    asked++;
    first ??= performance.now();
    if (performance.now() - first > 2_500) askedTwice();
    return Promise.reject(new Error('refused'));
  };
  const keeper = new Keeper(
    { ...context(leader), network: { dial } as unknown as TaskContext['network'] },
    undefined,
    false,
  );
  keeper.start();
  leader.lead();
  await again;
  expect(asked).toBeGreaterThan(2);
  expect(leader.assigned).toEqual([]);
  await keeper.stop(false);
}, 9_000);

function context(leader: StuckLeader): TaskContext {
  const written = { close: async () => undefined, write: async () => undefined };
  const disk = {
    path: 'nowhere',
    remove: async () => undefined,
    open: async () => ({ ...written, sync: async () => undefined }),
    rename: async () => undefined,
    syncDirectory: async () => undefined,
  };
  return {
    // Only what a keeper uses of them.
    node: leader as unknown as Node,
    disk: disk as unknown as TaskContext['disk'],
    network: {
      dial: () => Promise.reject(new Error('refused')),
    } as unknown as TaskContext['network'],
    random: new SystemRandom(),
    log: () => undefined,
  };
}
