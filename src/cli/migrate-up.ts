import { connect } from '../app/index.ts';
import { printable } from '../base/index.ts';
import type { CallOptions, NamespaceReport, SchemaEvent } from '../client/index.ts';
import { allowedNames, type Goal, goalState, type Migrations } from '../migrate/index.ts';
import {
  addressList,
  type Command,
  type CommandInput,
  requiredOption,
  textOption,
  UsageError,
} from './command.ts';
import {
  atMostWords,
  DATABASE_OPTIONS,
  JSON_OPTION,
  NAMESPACE_OPTION,
  withDatabase,
} from './migrate-common.ts';
import { eventJson, eventText } from './migrate-event-text.ts';
import { EXIT, EXIT_TEXT, follow, type Step } from './migrate-follow.ts';
import { lookAt } from './migrate-look.ts';
import { declaredMigrations, SOURCE_OPTIONS } from './migrate-source.ts';
import { standardScreen, untilStopped } from './migrate-terminal.ts';
import { TIMEOUT_OPTION, timeoutOf } from './migrate-timeout.ts';
import { View } from './migrate-view.ts';
import { type Where, whereOf, withWhere } from './migrate-where.ts';

/** `quorate migrate up`. */
export const upCommand: Command = {
  name: 'up',
  summary: 'apply migrations, and wait for what is in the way',
  usage: 'quorate migrate up -m PATH -s HOST:PORT,… -d DATABASE [options]',
  description: [
    'Takes part like a copy of the application that knows these migrations: applies what may be applied, and waits for the rest while it says who is',
    'waited for and which command would help. Ctrl-C leaves in order, at any time. Old copies that run on keep what breaks them from being applied.',
    EXIT_TEXT,
  ].join('\n'),
  options: {
    ...DATABASE_OPTIONS,
    ...SOURCE_OPTIONS,
    ...NAMESPACE_OPTION,
    to: { type: 'string', value: 'NAME', help: 'up to this migration; default: all' },
    phase: {
      type: 'string',
      value: 'expand|all',
      help: 'expand: only what older code survives; default: all',
    },
    release: { type: 'string', value: 'TEXT', help: 'kept in the history, for people' },
    ...TIMEOUT_OPTION,
    ...JSON_OPTION,
  },
  examples: [
    'quorate migrate up -m migrations -s 127.0.0.1:9001 -d app',
    'quorate migrate up -m dist/migrations.js -s 127.0.0.1:9001 -d app --phase expand --timeout 60',
  ],
  run: runUp,
};

async function runUp(input: CommandInput): Promise<number> {
  atMostWords(input, 0);
  const goal = goalOf(input);
  const timeoutMs = timeoutOf(input);
  const declared = await declaredMigrations(input);
  for (const each of declared) refuseWithoutHandle(each);
  const wanted = goal.to === undefined ? declared : declared.filter((each) => knows(each, goal));
  if (wanted.length === 0)
    throw new UsageError(`no migration is named "${goal.to}" in --migrations`);
  if (wanted.some((each) => goal.to !== undefined && !allowedNames(each, goal).has(goal.to))) {
    throw new UsageError(`"${goal.to}" breaks older code, so it is not in the phase expand`);
  }
  return await withDatabase(input, (database) =>
    untilStopped((signal) => new Up(input, wanted, goal).run({ database, timeoutMs, signal })),
  );
}

/** Before anything is registered: each try would fail in the cluster, and the migration would soon be stuck. */
function refuseWithoutHandle(migrations: Migrations): void {
  for (const { name } of migrations.program.manifest.entries) {
    const step = migrations.step(name);
    if (step?.step !== 'code' || step.withoutHandle !== true) continue;
    throw new UsageError(
      `${printable(name)} is a module that wants a handle of its query builder, which the command line has not: run it in the program, with migrationsFromFolder(directory, { handle }), or name a module that exports such \`migrations\``,
    );
  }
}

function knows(migrations: Migrations, { to }: Goal): boolean {
  return to !== undefined && migrations.step(to) !== undefined;
}

function goalOf(input: CommandInput): Goal {
  const phase = textOption(input, 'phase') ?? 'all';
  if (phase !== 'all' && phase !== 'expand') throw new UsageError('--phase must be expand or all');
  return { phase, to: textOption(input, 'to') };
}

interface Run {
  /** A second connection for looking: sessions of a participant that waits are refused. */
  readonly database: Parameters<Parameters<typeof withDatabase>[1]>[0];
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal;
}

/** One run of `up`. */
class Up {
  readonly #input: CommandInput;
  readonly #wanted: readonly Migrations[];
  readonly #goal: Goal;
  readonly #view: View;
  readonly #where: Where;
  readonly #refusals = new Map<string, string>();
  #failed = false;
  #over = false;

  constructor(input: CommandInput, wanted: readonly Migrations[], goal: Goal) {
    this.#input = input;
    this.#wanted = wanted;
    this.#goal = goal;
    this.#where = whereOf(input);
    this.#view = new View(standardScreen, input.values.json === true);
  }

  async run({ database, timeoutMs, signal }: Run): Promise<number> {
    const input = this.#input;
    const participant = connect({
      servers: addressList(requiredOption(input, 'servers'), '--servers'),
      database: requiredOption(input, 'database'),
      schema: {
        migrations: this.#wanted.map((each) => each.applyingOnly(allowedNames(each, this.#goal))),
        release: textOption(input, 'release'),
        onEvent: (event) => this.#onEvent(event),
      },
    });
    try {
      const end = await follow({
        ...{ view: this.#view, where: this.#where, timeoutMs, signal },
        look: async (options) => {
          const reports = participant.schema?.reports ?? [];
          const step = await this.#look(database, reports, options);
          if (step.waits.length > 0) participant.schema?.poke();
          return step;
        },
      });
      return EXIT[end];
    } finally {
      // What is under way is still told; that it waits is no news any more.
      this.#over = true;
      await participant.close();
    }
  }

  async #look(
    database: Run['database'],
    reports: readonly NamespaceReport[],
    options: CallOptions,
  ): Promise<Step> {
    const states = this.#wanted.map((each) => {
      const report = reports.find(({ namespace }) => namespace === each.namespace);
      return report === undefined ? { reached: false } : goalState(each, this.#goal, report);
    });
    const found = await lookAt(database, undefined, options);
    const own = new Set(this.#wanted.map(({ namespace }) => namespace));
    const look = {
      statuses: found.statuses.filter(({ namespace }) => own.has(namespace)),
      waits: found.waits.filter(
        (wait) => own.has(wait.namespace) && this.#isWanted(wait.migration),
      ),
      refusals: this.#refusals,
    };
    // Why was told when it happened.
    if (this.#failed) return { ...look, end: 'failed' };
    const barred = states.find((each) => 'barred' in each && each.barred !== undefined);
    if (barred !== undefined && 'barred' in barred) {
      const text = `${barred.barred} comes before it and is not in the phase expand: say --phase all`;
      return { ...look, end: 'blocked', text };
    }
    return states.every(({ reached }) => reached) ? { ...look, end: 'reached' } : look;
  }

  #isWanted(name: string): boolean {
    return this.#wanted.some((each) => allowedNames(each, this.#goal).has(name));
  }

  #onEvent(event: SchemaEvent): void {
    if (event.kind === 'blocked') {
      const { code, message } = event.error;
      const text = withWhere(message, event.namespace, this.#where);
      if (this.#refusals.get(event.name) === text) return;
      // Any other reason passes with what this program does itself.
      if (code === 'MIGRATION_BLOCKED' || code === 'MIGRATION_HELD') {
        this.#refusals.set(event.name, text);
      } else this.#refusals.delete(event.name);
    } else if (event.kind === 'committed' || event.kind === 'superseded') {
      this.#refusals.delete(event.name);
    } else if (event.kind === 'failed' || event.kind === 'refused') {
      // A failure is followed by the refusal for the same reason.
      if (this.#failed && event.kind === 'refused') return;
      this.#failed = true;
    }
    if (this.#over && event.kind !== 'committed' && event.kind !== 'failed') return;
    this.#view.event(eventText(event, this.#where), eventJson(event));
  }
}
