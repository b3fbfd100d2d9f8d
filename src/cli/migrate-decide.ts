import { type OperatorAction, operate } from '../migrate/index.ts';
import type { Command, CommandInput } from './command.ts';
import {
  atMostWords,
  DATABASE_OPTIONS,
  decisionOf,
  JSON_OPTION,
  NAMESPACE_OPTION,
  namespaceOf,
  REASON_OPTION,
  withDatabase,
} from './migrate-common.ts';

/** What operators decide: action, its value in the usage, and what it does. */
const DECISIONS: readonly (readonly [OperatorAction, string, string])[] = [
  ['hold', '', 'let no migration begin'],
  ['release', '', 'end the hold'],
  ['exclude', 'PARTICIPANT', 'wait for it no longer; if its code comes back, it is fenced'],
  ['include', 'PARTICIPANT', 'wait for it again'],
  ['finalize', '[MIGRATION]', 'let this one, or all, break older code, when the policy is manual'],
  ['finalize-policy', 'auto|manual', 'whether contract and breaking migrations wait for finalize'],
  [
    'undeclared-policy',
    'allow|read-only|refuse',
    'what sessions may do that declare nothing (plain dqlite clients, shells)',
  ],
  [
    'ddl-policy',
    'allow|migrations-only',
    'whether sessions may change the schema past the migrations',
  ],
  ['repair', 'MIGRATION', 'let one be tried again that failed three times'],
  [
    'rerecord',
    'MIGRATION=CHECKSUM',
    'record an applied migration with the checksum of its edited text; nothing is executed',
  ],
  ['accept-drift', '', 'accept a schema that was changed past the migrations'],
  ['override', 'MIGRATION', 'let one break older code although a voter has no fence (a C node)'],
];

/** One command for each thing that operators decide. */
export const decisionCommands: readonly Command[] = DECISIONS.map(([action, value, summary]) => ({
  name: action,
  summary,
  usage: `quorate migrate ${[action, value].join(' ').trim()} -s HOST:PORT,… -d DATABASE [options]`,
  options: { ...DATABASE_OPTIONS, ...NAMESPACE_OPTION, ...REASON_OPTION, ...JSON_OPTION },
  run: (input) => decide(action, input),
}));

async function decide(action: OperatorAction, input: CommandInput): Promise<number> {
  atMostWords(input, 1);
  const [value = ''] = input.positionals;
  const decision = { action, namespace: namespaceOf(input), value, ...decisionOf(input) };
  return await withDatabase(input, async (database) => {
    await operate(database, decision);
    console.log(
      input.values.json === true ? JSON.stringify(decision) : `${action} ${value}`.trim(),
    );
    return 0;
  });
}
