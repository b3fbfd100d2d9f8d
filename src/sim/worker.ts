import process from 'node:process';
import { loadSqlite, sha256, turn } from './platform.ts';
import { runJob, type SeedJob } from './seed-job.ts';

// One process of `--jobs`: runs the seeds that it is sent, one at a time, until its parent goes.

const platform = { module: loadSqlite(), hash: sha256, turn };
// Errors are made by the thousand here, and a failing seed is repeated with stacks.
Error.stackTraceLimit = 0;

// The parent decides when it ends: an interrupt from the keyboard reaches all processes of the terminal.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(0));
process.on('message', (job: SeedJob) => {
  void runJob(job, platform).then((result) => process.send?.(result));
});
