import { type Cure, type Fault, type FaultContext, shuffled } from './fault.ts';
import { startAgain } from './process-faults.ts';
import { FREE, type LinkRule } from './relay.ts';

const CUT: LinkRule = { ...FREE, cut: true };
const TEAR_BYTES_MAX = 4_000;

/** Each shape cuts links between places and says what it did. */
type Shape = (context: FaultContext, cut: (from: string, to: string) => void) => Promise<string>;

/** The leader, or some machine if there is none, alone; it does not hear, is not heard, or both. */
const isolate: Shape = async (context, cut) => {
  const { fleet, random } = context;
  const leader = await fleet.leader();
  const victim = leader ?? shuffled(random, fleet.machines)[0];
  if (victim === undefined) return 'nobody';
  const mode = ['both ways', 'deaf', 'mute'][Math.floor(random.float() * 3)];
  if (leader !== undefined) context.leaderHit(leader);
  for (const { name } of fleet.machines) {
    if (name === victim.name) continue;
    if (mode !== 'mute') cut(name, victim.name);
    if (mode !== 'deaf') cut(victim.name, name);
  }
  return `isolated ${victim.name}, ${mode}`;
};

/** Two groups. */
const halves: Shape = ({ fleet, random }, cut) => {
  const order = shuffled(
    random,
    fleet.machines.map(({ name }) => name),
  );
  const left = order.slice(0, Math.floor(order.length / 2));
  const right = order.slice(left.length);
  for (const a of left) for (const b of right) both(cut, a, b);
  return Promise.resolve(`${left.join(' ')} | ${right.join(' ')}`);
};

/** Two groups, and one machine that both see. */
const bridge: Shape = ({ fleet, random }, cut) => {
  const [middle, ...order] = shuffled(
    random,
    fleet.machines.map(({ name }) => name),
  );
  const left = order.slice(0, Math.floor(order.length / 2));
  const right = order.slice(left.length);
  for (const a of left) for (const b of right) both(cut, a, b);
  return Promise.resolve(`${left.join(' ')} | ${middle} sees both | ${right.join(' ')}`);
};

/** Each machine sees its neighbours only: with five, each another majority. */
const ring: Shape = ({ fleet, random }, cut) => {
  const order = shuffled(
    random,
    fleet.machines.map(({ name }) => name),
  );
  order.forEach((a, i) => {
    order.forEach((b, j) => {
      const distance = Math.min(Math.abs(i - j), order.length - Math.abs(i - j));
      if (distance > 1) cut(a, b);
    });
  });
  return Promise.resolve(`ring ${order.join(' ')}`);
};

/** Some links in one direction. */
const oneWay: Shape = ({ fleet, random }, cut) => {
  const done: string[] = [];
  for (const { name: a } of fleet.machines) {
    for (const { name: b } of fleet.machines) {
      if (a === b || random.float() > 0.3) continue;
      cut(a, b);
      done.push(`${a}>${b}`);
    }
  }
  return Promise.resolve(`cut ${done.join(' ')}`);
};

/** Some clients do not reach some machines, or do not hear them. */
const clients: Shape = ({ fleet, random }, cut) => {
  const done: string[] = [];
  for (const client of fleet.clients) {
    for (const { name } of fleet.machines) {
      const draw = random.float();
      if (draw > 0.4) continue;
      if (draw < 0.3) cut(client, name);
      if (draw > 0.1) cut(name, client);
      done.push(`${client}-${name}`);
    }
  }
  return Promise.resolve(`clients cut off: ${done.join(' ')}`);
};

function both(cut: (from: string, to: string) => void, a: string, b: string): void {
  cut(a, b);
  cut(b, a);
}

const SHAPES: readonly Shape[] = [isolate, isolate, halves, bridge, ring, oneWay, clients];

/** Cuts links in one of the shapes. */
export const partition: Fault = async (context) => {
  const { links } = context.fleet;
  const cuts: [from: string, to: string][] = [];
  const shape = shuffled(context.random, SHAPES)[0] ?? isolate;
  const text = await shape(context, (from, to) => cuts.push([from, to]));
  if (cuts.length === 0) return undefined;
  context.note(text);
  for (const [from, to] of cuts) links.set(from, to, CUT);
  return heal(context, cuts);
};

/** Delays or narrows links. */
export const slow: Fault = ({ fleet, random, note }) => {
  const { links } = fleet;
  const places = [...fleet.machines.map(({ name }) => name), ...fleet.clients];
  const narrow = random.float() < 0.3;
  const changed: [from: string, to: string][] = [];
  for (const { name } of fleet.machines) {
    for (const place of places) {
      if (place === name || random.float() < 0.5) continue;
      const rule = narrow
        ? { ...FREE, bytesPerSecond: 10_000 + random.float() * 200_000 }
        : { ...FREE, delayMs: 5 + random.float() ** 3 * 1_500 };
      links.set(place, name, rule);
      changed.push([place, name]);
    }
  }
  note(`${changed.length} links ${narrow ? 'narrow' : 'late'}`);
  return Promise.resolve(heal({ fleet, note }, changed));
};

/** Connections end with a reset, in the middle of whatever they carry. */
export const reset: Fault = ({ fleet, random, note }) => {
  const places = [...fleet.machines.map(({ name }) => name), ...fleet.clients];
  let torn = 0;
  for (const { name } of fleet.machines) {
    for (const place of places) {
      if (place === name || random.float() < 0.4) continue;
      torn += fleet.links.tear(place, name, () => Math.ceil(random.float() * TEAR_BYTES_MAX));
    }
  }
  note(`${torn} connections torn`);
  return Promise.resolve(() => Promise.resolve());
};

/** A machine is cut off, killed and started again: its peers keep connections to a process that is gone. */
export const halfOpen: Fault = async (context) => {
  const { fleet, random } = context;
  const running = fleet.machines.filter(({ process, absent }) => process.running && !absent);
  const victim = shuffled(random, running)[0];
  if (victim === undefined) return undefined;
  if ((await fleet.leader()) === victim) context.leaderHit(victim);
  context.note(`half-open: ${victim.name} cut off, killed and started`);
  const cuts: [from: string, to: string][] = [];
  for (const place of [...fleet.machines.map(({ name }) => name), ...fleet.clients]) {
    if (place !== victim.name) cuts.push([place, victim.name], [victim.name, place]);
  }
  for (const [from, to] of cuts) fleet.links.set(from, to, CUT);
  await victim.process.stop('SIGKILL');
  await startAgain(context, victim);
  return heal(context, cuts);
};

function heal(
  { fleet, note }: Pick<FaultContext, 'fleet' | 'note'>,
  links: readonly (readonly [from: string, to: string])[],
): Cure {
  return () => {
    note(`${links.length} links healed`);
    for (const [from, to] of links) fleet.links.set(from, to, FREE);
    return Promise.resolve();
  };
}
