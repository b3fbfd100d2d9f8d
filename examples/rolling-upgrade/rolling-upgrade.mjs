// npm run example:rolling-upgrade: three copies go from release 1 to 2 to 3, one by one, under load. Ends with 1 when a request failed.
import process from 'node:process';
import { announce, Board, say, until } from './board.mjs';
import { Fleet, health } from './fleet.mjs';
import { Load } from './load.mjs';

const PER_SECOND = Number(process.env.PER_SECOND ?? 40);
const REST_MS = Number(process.env.REST_MS ?? 2_000);
const MIGRATIONS = { v2: ['0004_drop_full_name'], v3: ['0006_first_required'] };

const fleet = await Fleet.create(3, announce);
const load = new Load(fleet);
const board = new Board(fleet, load);
const rest = () => new Promise((resolve) => setTimeout(resolve, REST_MS));

async function main() {
  say('three copies of release 1 start');
  for (const copy of fleet.copies) await fleet.start(copy, 'v1');
  load.start(PER_SECOND);
  board.start();
  await rest();
  for (const version of ['v2', 'v3']) {
    for (const copy of fleet.copies) {
      say(`${copy.name}: ${copy.version} stops, ${version} starts`);
      await fleet.stop(copy);
      await fleet.start(copy, version);
      await rest();
    }
    say(`all copies run ${version}; what only older releases needed goes by itself`);
    await until(`${MIGRATIONS[version]} to be applied`, 30_000, async () => {
      const all = await Promise.all(fleet.copies.map(health));
      return all.every(({ pending }) => pending.length === 0);
    });
    await rest();
  }
  load.stop();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  await board.show();
  for (const failure of load.failures.slice(0, 10)) say(`failed: ${failure}`);
  say(`${load.requests} requests during two upgrades, ${load.failed} failed`);
  return load.failed === 0 && load.requests > 0 ? 0 : 1;
}

async function end(code) {
  load.stop();
  board.stop();
  await fleet.close();
  process.exit(code);
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => void end(130));
try {
  await end(await main());
} catch (error) {
  console.error(error.message);
  await end(1);
}
