// Child process: runs seeds on one build until one fails as a bug must. Prints one line of JSON for each seed.
// node hunt.js FOLDER HOURS FIRST COUNT PROFILE STOP
import { join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { verdict } from './verdict.js';

const [folder, hours, first, count, profile, stop] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(join(folder, 'dist', 'sim', file)).href);
const { runSeed } = await load('run.js');
const { loadSqlite, sha256, turn } = await load('platform.js');
const platform = { module: loadSqlite(), hash: sha256, turn };

for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
  let result = { seed, caught: undefined, invalid: undefined };
  try {
    const name = profile === '' ? {} : { profileName: profile };
    await runSeed({ ...platform, seed, hours: Number(hours), ...name });
  } catch (error) {
    result = { seed, ...verdict(error) };
  }
  console.log(JSON.stringify(result));
  if (result.caught !== undefined && stop === 'stop') break;
}
process.exit(0);
