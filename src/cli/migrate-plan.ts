import { type LintFinding, lintMigrations, planMigrations } from '../migrate/index.ts';
import { type Command, type CommandInput, textOption } from './command.ts';
import {
  atMostWords,
  type ClusterDatabase,
  DATABASE_OPTIONS,
  JSON_OPTION,
  NAMESPACE_OPTION,
  withDatabase,
} from './migrate-common.ts';
import { memberIds } from './migrate-look.ts';
import { findingLines, rehearsalLines } from './migrate-plan-text.ts';
import { preflightLines } from './migrate-preflight.ts';
import { declaredMigrations, SOURCE_OPTIONS } from './migrate-source.ts';
import { TIMEOUT_OPTION, timeoutOf } from './migrate-timeout.ts';
import { waitJson } from './migrate-wait-text.ts';
import { type Where, whereOf } from './migrate-where.ts';

const EXIT_BAD = 4;
const PROBE_MS = 2000;
/** Entries that a node may be behind to be asked. */
const BEHIND_MAX = 1000;

/** `quorate migrate plan`. */
export const planCommand: Command = {
  name: 'plan',
  summary: 'what migrations would do; with --dry-run tried on a copy of the live data',
  usage: 'quorate migrate plan -m PATH -s HOST:PORT,… -d DATABASE [--dry-run] [options]',
  description: [
    'Shows what is pending, who would be waited for, and what is questionable about it. With --dry-run all of it is applied to a copy of the live data on one',
    'node, as the real run does it: what it writes, how long writers would wait, what changes, what fails. The database itself is not written.',
    'Exit codes: 0 nothing stands against it, 4 something does.',
  ].join('\n'),
  options: {
    ...DATABASE_OPTIONS,
    ...SOURCE_OPTIONS,
    ...NAMESPACE_OPTION,
    'dry-run': { type: 'boolean', help: 'try it on a copy of the live data' },
    on: {
      type: 'string',
      value: 'HOST:PORT',
      help: 'the node for --dry-run, by default one that does not lead',
    },
    ...TIMEOUT_OPTION,
    ...JSON_OPTION,
  },
  examples: ['quorate migrate plan -m migrations -s 127.0.0.1:9001 -d app --dry-run'],
  run: runPlan,
};

async function runPlan(input: CommandInput): Promise<number> {
  atMostWords(input, 0);
  const migrations = await declaredMigrations(input);
  const dryRun = input.values['dry-run'] === true;
  const timeoutMs = timeoutOf(input);
  const where = whereOf(input);
  return await withDatabase(input, async (database) => {
    const members = await memberIds(database, {});
    const readFrom = dryRun ? (textOption(input, 'on') ?? (await follower(database))) : undefined;
    const plans = await planMigrations(database, migrations, {
      ...{ dryRun, members },
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(readFrom === undefined ? {} : { readFrom }),
    });
    if (input.values.json === true) {
      const json = plans.map((plan) => ({
        ...{ ...plan, waits: plan.waits.map((wait) => waitJson(wait, where)) },
      }));
      console.log(JSON.stringify(json, undefined, 2));
    } else console.log(plans.flatMap((plan) => planLines(plan, where)).join('\n'));
    return plans.every(({ ok }) => ok) ? 0 : EXIT_BAD;
  });
}

type Plan = Awaited<ReturnType<typeof planMigrations>>[number];

function planLines(plan: Plan, where: Where): readonly string[] {
  const { rehearsal, findings } = plan;
  return [
    ...preflightLines(plan, where),
    ...(rehearsal === undefined ? [] : rehearsalLines(rehearsal)).map((line) => `  ${line}`),
    ...findingLines(findings).map((line) => `  ${line}`),
  ];
}

/** A member that answers and does not lead; without one the leader. */
async function follower({ cluster }: ClusterDatabase): Promise<string> {
  const leader = await cluster.leader();
  const members = await cluster.members();
  for (const { id, address, role } of members) {
    if (id === leader?.id || role === 'spare') continue;
    const status = await cluster.status(address, { timeoutMs: PROBE_MS }).catch(() => undefined);
    // One that is far behind would be asked about old data.
    if (status !== undefined && status.commit - status.applied <= BEHIND_MAX) return address;
  }
  return leader?.address ?? 'leader';
}

/** `quorate migrate lint`. */
export const lintCommand: Command = {
  name: 'lint',
  summary: 'look at the texts of migrations: what destroys, breaks older code, or cannot run',
  usage: 'quorate migrate lint -m PATH [options]',
  description: [
    'Needs no database. docs/migrations.md explains the codes; what depends on the data is found by quorate migrate plan --dry-run.',
    'Exit codes: 0 no error (there may be warnings), 4 errors.',
  ].join('\n'),
  options: { ...SOURCE_OPTIONS, ...NAMESPACE_OPTION, ...JSON_OPTION },
  examples: ['quorate migrate lint -m migrations'],
  run: runLint,
};

async function runLint(input: CommandInput): Promise<number> {
  atMostWords(input, 0);
  const findings = (await declaredMigrations(input)).flatMap((each) => lintMigrations(each));
  if (input.values.json === true) console.log(JSON.stringify(findings, undefined, 2));
  else console.log(findings.length === 0 ? 'no findings' : findingLines(findings).join('\n'));
  return lintExit(findings);
}

/** 4 when there is an error. */
export function lintExit(findings: readonly LintFinding[]): number {
  return findings.some(({ level }) => level === 'error') ? EXIT_BAD : 0;
}
