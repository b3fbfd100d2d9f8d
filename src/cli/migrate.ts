import type { Command } from './command.ts';
import { baselineCommand } from './migrate-baseline.ts';
import { decisionCommands } from './migrate-decide.ts';
import { newCommand } from './migrate-new.ts';
import { lintCommand, planCommand } from './migrate-plan.ts';
import { preflightCommand } from './migrate-preflight.ts';
import { statusCommand } from './migrate-status.ts';
import { upCommand } from './migrate-up.ts';
import { verifyCommand } from './migrate-verify.ts';
import { waitCommand } from './migrate-wait.ts';
import { commandGroup } from './subcommand.ts';

/** The commands of `quorate migrate`, in the order in which the help shows them. */
const MIGRATE_COMMANDS: readonly Command[] = [
  statusCommand,
  upCommand,
  waitCommand,
  preflightCommand,
  planCommand,
  lintCommand,
  verifyCommand,
  newCommand,
  baselineCommand,
  ...decisionCommands,
];

/** `quorate migrate …`: schema migrations, and what operators decide about them. */
export const migrateCommand = commandGroup(
  {
    name: 'migrate',
    summary: 'show schema migrations, and decide about those that wait',
    examples: [
      'quorate migrate status -s 127.0.0.1:9001 -d app',
      'quorate migrate exclude 3 -s 127.0.0.1:9001 -d app --reason "machine is gone"',
    ],
  },
  MIGRATE_COMMANDS,
);
