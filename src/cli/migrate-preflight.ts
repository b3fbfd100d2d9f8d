import { printable } from '../base/index.ts';
import { type Precheck, type PreflightReport, preflight } from '../migrate/index.ts';
import type { Command, CommandInput } from './command.ts';
import {
  atMostWords,
  DATABASE_OPTIONS,
  JSON_OPTION,
  NAMESPACE_OPTION,
  withDatabase,
} from './migrate-common.ts';
import { memberIds } from './migrate-look.ts';
import { findingLines } from './migrate-plan-text.ts';
import { declaredMigrations, SOURCE_OPTIONS } from './migrate-source.ts';
import { waitJson, waitLines } from './migrate-wait-text.ts';
import { type Where, whereOf, withWhere } from './migrate-where.ts';

const EXITS = { fine: 0, waits: 3, refused: 4 } as const;

/** `quorate migrate preflight`. */
export const preflightCommand: Command = {
  name: 'preflight',
  summary:
    'from a new build, before it is deployed: whether it could serve, and what it would wait for',
  usage: 'quorate migrate preflight -m PATH -s HOST:PORT,… -d DATABASE [options]',
  description: [
    'Run it with the migrations of the build that is about to be deployed, against the cluster that runs. Nothing is written, nobody notices.',
    'It also looks at the texts of what is pending (as lint does) and runs their checks before as queries.',
    'Exit codes: 0 it would serve, perhaps after applying what may be applied; 3 it would wait for others; 4 it would be refused, or a finding is an error.',
  ].join('\n'),
  options: { ...DATABASE_OPTIONS, ...SOURCE_OPTIONS, ...NAMESPACE_OPTION, ...JSON_OPTION },
  examples: ['quorate migrate preflight -m migrations -s 127.0.0.1:9001 -d app'],
  run: runPreflight,
};

async function runPreflight(input: CommandInput): Promise<number> {
  atMostWords(input, 0);
  const migrations = await declaredMigrations(input);
  const where = whereOf(input);
  return await withDatabase(input, async (database) => {
    const members = await memberIds(database, {});
    const reports = await preflight(database, migrations, { members });
    const json = reports.map(({ waits, ...report }) => ({
      ...{ ...report, waits: waits.map((wait) => waitJson(wait, where)) },
    }));
    console.log(
      input.values.json === true
        ? JSON.stringify(json, undefined, 2)
        : reports.flatMap((report) => preflightLines(report, where)).join('\n'),
    );
    return preflightExit(reports);
  });
}

/** The exit code of the worst of the namespaces. */
export function preflightExit(reports: readonly PreflightReport[]): number {
  const isWrong = reports.some(({ findings }) => findings.some(({ level }) => level === 'error'));
  return Math.max(isWrong ? EXITS.refused : 0, ...reports.map(({ verdict }) => EXITS[verdict]));
}

const VERDICTS = {
  fine: 'this build would serve',
  waits: 'this build would wait',
  refused: 'this build would be REFUSED',
} as const;

function checkLines({ migration, check, outcome, detail, isNext }: Precheck): readonly string[] {
  if (outcome === 'passed') return [];
  if (outcome === 'unknown') return [printable(`  ${migration}: not checked: ${check}: ${detail}`)];
  const later = isNext ? '' : ' (now; migrations come before it)';
  return [printable(`  ${migration} would FAIL its check${later}: ${check}: ${detail}`)];
}

/** What would become of a build, for people. */
export function preflightLines(report: PreflightReport, where: Where): readonly string[] {
  const { namespace, verdict, version, canServe, code, reason, pending, waits } = report;
  const names = pending.map(({ name, kind }) => `${name} (${kind})`).join(', ');
  const at = version === undefined ? '' : `version ${version}, `;
  return [
    printable(`${namespace}: ${at}${VERDICTS[verdict]}${canServe ? ', at once' : ''}`),
    ...(verdict === 'refused'
      ? [printable(`  ${code}: ${withWhere(reason, namespace, where)}`)]
      : []),
    ...(names === '' ? [] : [printable(`  it would apply: ${names}`)]),
    ...waits.flatMap((wait) => waitLines(wait, where)).map((line) => `  ${line}`),
    ...report.checks.flatMap(checkLines),
    ...findingLines(report.findings).map((line) => `  ${line}`),
  ];
}
