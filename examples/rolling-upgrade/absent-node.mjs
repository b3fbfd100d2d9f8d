// The machine of the last copy is lost in the middle of an upgrade: what an operator sees, and what ends it.
import { execFile } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Stage } from './runner/stage.mjs';

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL('../../bin/quorate.js', import.meta.url));

await Stage.play(async (stage) => {
  const [first, second, third] = stage.copies;
  /** What the operator types, and what comes back. */
  const quorate = async (...args) => {
    const servers = `${first.address},${second.address}`;
    const words = ['migrate', ...args, '-s', servers, '-d', 'shop'];
    // Not spawnSync: the load is in this process and must go on.
    const { stdout, stderr } = await run(process.execPath, [PROGRAM, ...words]);
    stage.say(
      `$ quorate ${words.map((word) => (word.includes(' ') ? `"${word}"` : word)).join(' ')}`,
    );
    stage.screen.say(`${stdout}${stderr}`);
  };

  await stage.upgrade(first, 'v2');
  await stage.upgrade(second, 'v2');
  stage.say(
    'the machine of c3 is lost; c1 and c2 serve on with the new code, and one migration waits',
  );
  await third.lose();
  await stage.until('the wait', ({ pending }) =>
    pending.some(({ blockedBy }) => blockedBy.length > 0),
  );
  await stage.pause(4);
  await quorate('status');

  stage.say('the operator decides that nobody needs to wait for it');
  await quorate('exclude', third.id, '--reason', 'its machine is gone');
  await stage.until('the last migration', ({ pending }) => pending.length === 0);
  await quorate('status');
  await stage.pause(3);

  stage.say('it comes back after all, still with v1: refused, before it has served anybody');
  const refusal = await third.start('v1').catch((error) => error.message);
  if (!String(refusal).startsWith('SCHEMA_TOO_NEW')) throw new Error(`not refused: ${refusal}`);
  stage.say('with v2 it serves again');
  await third.start('v2');
  await stage.pause(3);
});
