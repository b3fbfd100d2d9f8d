import { printable } from '../base/index.ts';
import { type Finding, verifySchema } from '../migrate/index.ts';
import { formatTable } from '../sql/index.ts';
import { type Command, type CommandInput, textOption } from './command.ts';
import {
  atMostWords,
  DATABASE_OPTIONS,
  JSON_OPTION,
  NAMESPACE_OPTION,
  withDatabase,
} from './migrate-common.ts';
import { declaredMigrations, SOURCE_OPTIONS } from './migrate-source.ts';
import { TIMEOUT_OPTION, timeoutOf } from './migrate-timeout.ts';
import { migrateLine, type Where, whereOf } from './migrate-where.ts';

const TIMEOUT_MS = 600_000;
const EXIT_BAD = 4;

/** `quorate migrate verify`. */
export const verifyCommand: Command = {
  name: 'verify',
  summary: 'look whether the database is as its migrations made it',
  usage: 'quorate migrate verify [-m PATH] -s HOST:PORT,… -d DATABASE [options]',
  description: [
    'Looks at the chain of the history, the checksums of --migrations, changes past the migrations, foreign keys, the pages (integrity_check: it reads',
    'all of them, on the leader), tasks, and how far each node is. Changes nothing.',
    'Exit codes: 0 all is well, 4 something is wrong.',
  ].join('\n'),
  options: {
    ...DATABASE_OPTIONS,
    ...SOURCE_OPTIONS,
    ...NAMESPACE_OPTION,
    ...TIMEOUT_OPTION,
    ...JSON_OPTION,
  },
  examples: ['quorate migrate verify -m migrations -s 127.0.0.1:9001 -d app'],
  run: runVerify,
};

async function runVerify(input: CommandInput): Promise<number> {
  atMostWords(input, 0);
  const timeoutMs = timeoutOf(input) ?? TIMEOUT_MS;
  const given = textOption(input, 'migrations') !== undefined;
  const migrations = given ? await declaredMigrations(input) : [];
  const where = whereOf(input);
  return await withDatabase(input, async (database) => {
    const { cluster } = database;
    const findings = await verifySchema(database, { migrations, cluster, timeoutMs });
    const ok = findings.every((finding) => finding.ok);
    console.log(
      input.values.json === true
        ? JSON.stringify({ ok, findings: findings.map((each) => json(each, where)) }, undefined, 2)
        : verifyText(findings, where),
    );
    return ok ? 0 : EXIT_BAD;
  });
}

function json(finding: Finding, where: Where): object {
  return { ...finding, commands: lines(finding, where) };
}

/** Findings as a table, and the commands that would help. */
export function verifyText(findings: readonly Finding[], where: Where): string {
  const rows = findings.map(({ check, subject, ok, text }) => [
    ok ? 'ok' : 'BAD',
    check,
    subject,
    text,
  ]);
  const table = formatTable(['', 'check', 'of', 'found'], rows, { mode: 'table' });
  const commands = findings.flatMap((finding) => lines(finding, where));
  return [table, ...commands.map((line) => printable(`$ ${line}`))].join('\n');
}

function lines({ commands, subject }: Finding, where: Where): readonly string[] {
  return commands.map((words) => migrateLine(words, subject === '' ? 'app' : subject, where));
}
