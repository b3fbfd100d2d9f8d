import { appendFileSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { printable, QuorateError } from '../base/index.ts';
import type { Cluster, Database, ResultSet, Transaction } from '../client/index.ts';
import { formatTable, isComplete, quoteText, splitStatements } from '../sql/index.ts';
import { UsageError } from './command.ts';

export type ShellMode = 'table' | 'csv' | 'json' | 'list';

const MODES: readonly ShellMode[] = ['table', 'csv', 'json', 'list'];
const HISTORY_LINES = 1000;

const HELP = `.tables              names of tables and views
.schema [NAME]       statements that made them
.mode [MODE]         table, csv, json or list
.cluster             members and roles
.leader              the leader
.help                this list
.quit                leave (also Ctrl-D)
Everything else is SQL; a statement ends with a semicolon. BEGIN … COMMIT works over several lines.`;

/** Throws UsageError unless the text names an output mode. */
export function shellMode(text: string): ShellMode {
  const mode = MODES.find((candidate) => candidate === text);
  if (mode === undefined) throw new UsageError(`the mode must be one of ${MODES.join(', ')}`);
  return mode;
}

type ShellDatabase = Database & { readonly cluster: Cluster };

/** State of one shell: output mode, the statement being typed, the transaction that is open. */
export class Shell {
  readonly #database: ShellDatabase;
  readonly #name: string;
  readonly #print: (text: string) => void;
  #mode: ShellMode;
  #transaction: Transaction | undefined;

  constructor(
    database: ShellDatabase,
    name: string,
    mode: ShellMode,
    print: (text: string) => void,
  ) {
    this.#database = database;
    this.#name = name;
    this.#mode = mode;
    this.#print = print;
  }

  /** Runs dot commands and statements of a text; throws at the first failure. */
  async runText(text: string): Promise<void> {
    if (text.trimStart().startsWith('.')) {
      await this.#command(text.trim());
      return;
    }
    try {
      for (const statement of splitStatements(text)) await this.#statement(statement);
    } finally {
      await this.#abandon();
    }
  }

  /** Reads from a terminal or a file until the end; resolves to the exit code. */
  async interact(input: NodeJS.ReadStream, output: NodeJS.WriteStream): Promise<number> {
    const terminal = input.isTTY === true;
    const lines = createInterface({
      input,
      output,
      terminal,
      history: terminal ? readHistory() : [],
      historySize: HISTORY_LINES,
    });
    if (terminal) this.#print(`Connected to database ${this.#name}. .help lists the commands.`);
    let failed = false;
    let pending = '';
    const prompt = (): void => {
      lines.setPrompt(pending === '' ? `${this.#name}> ` : '   ...> ');
      if (terminal) lines.prompt();
    };
    lines.on('SIGINT', () => {
      pending = '';
      output.write('\n');
      prompt();
    });
    prompt();
    for await (const line of linesOf(lines)) {
      pending = pending === '' ? line : `${pending}\n${line}`;
      const command = pending.trim();
      const ready = command === '' || command.startsWith('.') || isComplete(pending);
      if (ready) {
        const text = pending;
        pending = '';
        if (command === '.quit' || command === '.exit') break;
        if (command !== '') {
          if (terminal) rememberLine(command);
          failed = !(await this.#runGuarded(text)) || failed;
          if (failed && !terminal) break;
        }
      }
      prompt();
    }
    if (pending.trim() !== '') failed = !(await this.#runGuarded(pending)) || failed;
    lines.close();
    await this.#abandon();
    return failed && !terminal ? 1 : 0;
  }

  async #runGuarded(text: string): Promise<boolean> {
    try {
      const command = text.trim();
      if (command.startsWith('.')) await this.#command(command);
      else for (const statement of splitStatements(text)) await this.#statement(statement);
      return true;
    } catch (error) {
      console.error(printable(`Error: ${describeError(error)}`));
      return false;
    }
  }

  async #statement(sql: string): Promise<void> {
    const word = /^\s*([a-z]+)/i.exec(sql)?.[1]?.toUpperCase() ?? '';
    if (this.#transaction?.closed === true) this.#transaction = undefined;
    if (word === 'BEGIN' && this.#transaction === undefined) {
      const mode = /^\s*BEGIN\s+(IMMEDIATE|EXCLUSIVE)/i.test(sql) ? 'write' : 'deferred';
      this.#transaction = await this.#database.transaction(mode);
      return;
    }
    const transaction = this.#transaction;
    if (transaction !== undefined && (word === 'COMMIT' || word === 'END')) {
      this.#transaction = undefined;
      await transaction.commit();
    } else if (transaction !== undefined && word === 'ROLLBACK' && !/\bTO\b/i.test(sql)) {
      this.#transaction = undefined;
      await transaction.rollback();
    } else {
      this.#show(await (transaction ?? this.#database).execute(sql));
    }
  }

  #show(result: ResultSet): void {
    if (result.columns.length === 0) return;
    const rows = result.rows.map((row) => result.columns.map((_, index) => row[index] ?? null));
    this.#print(formatTable(result.columns, rows, { mode: this.#mode }));
  }

  async #command(text: string): Promise<void> {
    const [name = '', argument] = text.split(/\s+/);
    switch (name) {
      case '.help':
        this.#print(HELP);
        return;
      case '.mode':
        if (argument !== undefined) this.#mode = shellMode(argument);
        else this.#print(this.#mode);
        return;
      case '.tables':
        this.#show(
          await this.#database.execute(
            "SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY name",
          ),
        );
        return;
      case '.schema':
        await this.#schema(argument);
        return;
      case '.cluster':
        this.#print(
          formatTable(
            ['id', 'address', 'role'],
            (await this.#database.cluster.members()).map((m) => [String(m.id), m.address, m.role]),
            { mode: this.#mode },
          ),
        );
        return;
      case '.leader': {
        const leader = await this.#database.cluster.leader();
        this.#print(leader === undefined ? 'no leader is known' : `${leader.id} ${leader.address}`);
        return;
      }
      default:
        throw new UsageError(`there is no command ${name}; .help lists them`);
    }
  }

  async #schema(name: string | undefined): Promise<void> {
    const filter = name === undefined ? '' : ` AND tbl_name = ${quoteText(name)}`;
    const result = await this.#database.execute(
      `SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL${filter} ORDER BY tbl_name, type DESC, name`,
    );
    for (const row of result.rows) this.#print(`${String(row[0])};`);
  }

  async #abandon(): Promise<void> {
    const transaction = this.#transaction;
    this.#transaction = undefined;
    if (transaction !== undefined && !transaction.closed) await transaction.rollback();
  }
}

/** Lines in order; unlike readline's own iterator it loses none that arrive while a statement runs. */
async function* linesOf(lines: Interface): AsyncGenerator<string> {
  const queue: string[] = [];
  let wake: (() => void) | undefined;
  let ended = false;
  lines.on('line', (line) => {
    queue.push(line);
    wake?.();
  });
  lines.on('close', () => {
    ended = true;
    wake?.();
  });
  for (;;) {
    const line = queue.shift();
    if (line !== undefined) yield line;
    else if (ended) return;
    else {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      wake = undefined;
    }
  }
}

function describeError(error: unknown): string {
  if (!(error instanceof QuorateError))
    return error instanceof Error ? error.message : String(error);
  const outcome = error.outcome === undefined ? '' : ` [outcome: ${error.outcome}]`;
  return `${error.code}: ${error.message}${outcome}`;
}

function historyPath(): string {
  return join(homedir(), '.quorate_history');
}

function readHistory(): string[] {
  try {
    const lines = readFileSync(historyPath(), 'utf8').split('\n').filter(Boolean);
    return lines.slice(-HISTORY_LINES).reverse();
  } catch {
    return [];
  }
}

function rememberLine(text: string): void {
  try {
    appendFileSync(historyPath(), `${text.replaceAll('\n', ' ')}\n`, { mode: 0o600 });
  } catch {
    // A home directory that cannot be written costs the history only.
  }
}
