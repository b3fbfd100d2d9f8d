// Child process: runs seeds on one build until one fails as a bug must. Prints one line of JSON for each seed.
// node hunt.js FOLDER HOURS FIRST COUNT PROFILES STOP
import { join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { verdict } from './verdict.js';

const [folder, hours, first, count, list, stop] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(join(folder, 'dist', 'sim', file)).href);
const { runSeed } = await load('run.js');
const { loadSqlite, sha256, turn } = await load('platform.js');
const profiles = list.split(',');
const platform = { module: loadSqlite(), hash: sha256, turn };

for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
  // By its number, so that a seed alone says which run it was.
  const profileName = profiles[seed % profiles.length];
  let result = { seed, profileName, caught: undefined, invalid: undefined };
  try {
    await runSeed({ ...platform, seed, hours: Number(hours), profileName });
  } catch (error) {
    result = { seed, profileName, ...verdict(error) };
  }
  console.log(JSON.stringify(result));
  if (result.caught !== undefined && stop === 'stop') break;
}
process.exit(0);
