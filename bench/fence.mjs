// What the fence of schema migrations adds to a transaction: the same transactions on two databases of one node with the same rows, one whose sessions
// declare migrations and one without any; a third, again without, shows the noise. In turn, medians of all rounds. The node runs on one thread, so the processor's time is that of the whole way.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { arch, cpus, loadavg, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { defineMigrations, sqlMigration, startNode } from 'quorate';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '151' },
    dir: { type: 'string', default: tmpdir() },
    out: { type: 'string', default: 'bench/results' },
  },
});
const ROUNDS = Number(values.rounds);
const ROWS = 1000;
const TABLE = 'create table item (id integer primary key, name text)';
const POINT = 'select name from item where id = ?';

/** Each makes one transaction; `count` of them are one measurement. */
const TRANSACTIONS = [
  {
    name: 'read, linearizable, on the leader',
    count: 100,
    run: (db, i) => db.query(POINT, [1 + (i % ROWS)]),
  },
  {
    name: 'point read, local replica',
    count: 100,
    run: (db, i) => db.query(POINT, [1 + (i % ROWS)], { consistency: 'local' }),
  },
  {
    name: 'single insert',
    count: 20,
    run: (db) => db.execute('insert into item (name) values (?)', ['x']),
  },
];

const dir = mkdtempSync(join(values.dir, 'quorate-bench-fence-'));
const node = await startNode({ dir, address: `127.0.0.1:${await freePort()}`, threads: false });
try {
  await node.ready();
  const migrations = defineMigrations({
    entries: [sqlMigration('0001_item', TABLE, { kind: 'expand' })],
  });
  const declared = node.database('declared', { schema: { migrations } });
  await declared.schema?.ready();
  const [plain, again] = ['plain', 'again'].map((name) => node.database(name));
  for (const db of [plain, again]) await db.execute(TABLE);
  const fill = `insert into item (name) select 'name ' || value from (with recursive c (value) as (select 1 union all select value + 1 from c where value < ${ROWS}) select value from c)`;
  for (const db of [declared, plain, again]) await db.execute(fill);
  const found = [];
  for (const transaction of TRANSACTIONS)
    found.push(await compare(transaction, { plain, declared, again }));
  report(found);
} finally {
  await node.close();
  rmSync(dir, { recursive: true, force: true });
}

async function compare({ name, count, run }, databases) {
  const samples = { plain: [], declared: [], again: [] };
  for (let round = 0; round < ROUNDS + 5; round++) {
    // Who comes first changes, so that neither profits from it.
    const order = Object.entries(databases);
    for (const [which, db] of round % 2 === 0 ? order : order.reverse()) {
      const sample = await measure(db, count, run);
      if (round >= 5) samples[which].push(sample);
    }
  }
  const figure = (which, of) => median(samples[which].map((sample) => sample[of]));
  const ratio = (which, of) =>
    median(samples.plain.map((each, i) => samples[which][i][of] / each[of]));
  const figures = (of) => ({
    plain: figure('plain', of),
    declared: figure('declared', of),
    ratio: ratio('declared', of),
    noise: ratio('again', of),
  });
  return {
    name,
    transactions: count * ROUNDS,
    cpuMicros: figures('cpu'),
    wallMicros: figures('wall'),
  };
}

async function measure(db, count, run) {
  const cpu = process.cpuUsage();
  const began = performance.now();
  for (let i = 0; i < count; i++) await run(db, i);
  const wall = ((performance.now() - began) * 1000) / count;
  const { user, system } = process.cpuUsage(cpu);
  return { wall, cpu: (user + system) / count };
}

function report(found) {
  const machine = `${cpus().length} x ${cpus()[0]?.model.trim() ?? arch()}, Linux ${release()}, Node ${process.version}, load ${loadavg()[0]?.toFixed(1)}`;
  console.log(`${machine}\n`);
  const row = (...cells) =>
    console.log(cells.map((cell, i) => cell.padEnd(i === 0 ? 34 : 10)).join(''));
  row(
    'microseconds each (median)',
    'cpu',
    'declared',
    'ratio',
    'noise',
    'wall',
    'declared',
    'ratio',
    'noise',
  );
  for (const { name, cpuMicros, wallMicros } of found) {
    const cells = [cpuMicros, wallMicros].flatMap(({ plain, declared, ratio, noise }) => [
      plain.toFixed(1),
      declared.toFixed(1),
      ratio.toFixed(3),
      noise.toFixed(3),
    ]);
    row(name, ...cells);
  }
  mkdirSync(values.out, { recursive: true });
  const date = new Date().toISOString();
  const path = join(values.out, `fence-${date.replaceAll(':', '').slice(0, 15)}.json`);
  writeFileSync(
    path,
    `${JSON.stringify({ date, machine, rounds: ROUNDS, found }, undefined, 2)}\n`,
  );
  console.log(`\n${path}`);
}

/** Of an odd number of values the one in the middle. */
function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
