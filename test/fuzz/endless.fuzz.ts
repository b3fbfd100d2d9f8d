import { env } from 'node:process';
import { test } from 'vitest';
import { fuzzRound, kindOf } from './fuzzer.ts';
import { TARGETS } from './targets/index.ts';

/* All targets in turn, with fresh seeds, until told to stop: `npm run fuzz`. */

const ROUND_INPUTS = 500;

const seconds = Number(env.FUZZ_SECONDS);
const firstSeed = Number(env.FUZZ_SEED);
const wanted = env.FUZZ_TARGET;
const chosen = TARGETS.filter(({ name }) => wanted === undefined || name === wanted);

test('fuzz', { timeout: 0 }, async () => {
  if (chosen.length === 0) throw new Error(`no target is called ${wanted}`);
  const stopAt = performance.now() + seconds * 1000;
  const inputs = new Map<string, number>();
  const known = new Map(chosen.map(({ name }) => [name, new Set<string>()]));
  let findings = 0;
  for (let round = 0; performance.now() < stopAt; round++) {
    for (const target of chosen) {
      const seed = firstSeed + round;
      // Should the round never end, this line says which one it was.
      console.log(`${target.name} --seed ${seed}`);
      const finding = await fuzzRound(target, seed, ROUND_INPUTS, true, known.get(target.name));
      inputs.set(target.name, (inputs.get(target.name) ?? 0) + ROUND_INPUTS);
      if (finding === undefined) continue;
      findings++;
      known.get(target.name)?.add(kindOf(finding.error));
      console.log(
        `FOUND ${finding.file}`,
        finding.error,
        Buffer.from(finding.bytes).toString('hex').slice(0, 400),
      );
    }
  }
  for (const [name, count] of inputs) console.log(`${name}: ${count} inputs`);
  if (findings > 0) throw new Error(`${findings} inputs failed`);
});
