import { type Random, randomBelow } from '../base/index.ts';

/** What one partition cuts: ordered pairs of hosts, from and to. */
export type Cuts = readonly (readonly [string, string])[];

type Shape = (random: Random, hosts: readonly string[]) => Cuts;

/** Two sides that do not hear each other. */
const halves: Shape = (random, hosts) => {
  const side = hosts.map(() => random.float() < 0.5);
  return pairs(hosts, (a, b) => side[a] !== side[b]);
};

/** One side is heard and hears nothing. */
const oneWay: Shape = (random, hosts) => {
  const side = hosts.map(() => random.float() < 0.5);
  return pairs(hosts, (a, b) => side[a] && !side[b]);
};

/** Any directed link is cut or not: everybody sees another network. */
const partial: Shape = (random, hosts) => pairs(hosts, () => random.float() < 0.35);

/** Each host reaches its two neighbours only, so every majority overlaps in another host. */
const ring: Shape = (_random, hosts) =>
  pairs(hosts, (a, b) => {
    const distance = Math.abs(a - b);
    return distance > 1 && distance < hosts.length - 1;
  });

/** Two halves that reach each other only through one host in the middle. */
const bridge: Shape = (random, hosts) => {
  const middle = randomBelow(random, hosts.length);
  const side = hosts.map(() => random.float() < 0.5);
  return pairs(hosts, (a, b) => a !== middle && b !== middle && side[a] !== side[b]);
};

/** One host alone. */
const alone: Shape = (random, hosts) => isolate(hosts, hosts[randomBelow(random, hosts.length)]);

const SHAPES = [halves, halves, oneWay, partial, ring, bridge, alone] as const;

/** A partition of a drawn shape. */
export function drawPartition(random: Random, hosts: readonly string[]): Cuts {
  return SHAPES[randomBelow(random, SHAPES.length)](random, hosts);
}

/** Everything between one host and the others. */
export function isolate(hosts: readonly string[], host: string): Cuts {
  return hosts
    .filter((other) => other !== host)
    .flatMap((other) => [[host, other] as const, [other, host] as const]);
}

function pairs(hosts: readonly string[], cut: (a: number, b: number) => boolean): Cuts {
  return hosts.flatMap((from, a) =>
    hosts.flatMap((to, b) => (a !== b && cut(a, b) ? [[from, to] as const] : [])),
  );
}
