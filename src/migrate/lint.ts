import { splitStatements } from '../sql/index.ts';
import type { Migrations } from './define.ts';
import type { LintFinding } from './lint-finding.ts';
import { type Remark, statementRemarks } from './lint-statement.ts';
import { type Change, changeOf, isAt, type Word, wordsOf } from './lint-words.ts';
import type { Step } from './steps.ts';

const RECREATE = /^--[ \t]*quorate:[ \t]*recreate[ \t]*=/im;
const NUMBER = /^\d+/;

/** What earlier migrations of the list say about the schema. */
interface Known {
  /** Table → tables whose rows go or change with its rows. */
  readonly acting: Map<string, Set<string>>;
}

/**
 * Looks at the texts of migrations without a database: what they destroy, what breaks older code, what cannot run. `quorate migrate lint` prints it.
 * What depends on the data is found by `planMigrations` with `dryRun`.
 * @example const errors = lintMigrations(migrations).filter(({ level }) => level === 'error');
 */
export function lintMigrations(migrations: Migrations): LintFinding[] {
  const known: Known = { acting: new Map() };
  const findings: LintFinding[] = [];
  let highest = -1;
  let highestName = '';
  for (const { name } of migrations.program.manifest.entries) {
    const step = migrations.step(name);
    const number = isOrdered(step) ? -1 : Number(NUMBER.exec(name)?.[0] ?? -1);
    if (number >= 0 && number <= highest) {
      findings.push(whole(name, outOfOrder(highestName)));
    }
    if (number > highest) {
      highest = number;
      highestName = name;
    }
    if (step === undefined) continue;
    if (step.kind === undefined) findings.push(whole(name, KIND_MISSING));
    findings.push(...lintStep(step, known));
  }
  return findings;
}

/** Modules of a folder are read in the order of their whole names, of which a date such as 2026_01_31 is usual. */
function isOrdered(step: Step | undefined): boolean {
  return step?.step === 'code' && step.source !== undefined;
}

const KIND_MISSING: Remark = {
  ...{ code: 'O3', level: 'warn', text: 'it has no kind, so it counts as breaking' },
  fix: "say kind: 'expand', 'contract' or 'breaking'",
};

function outOfOrder(before: string): Remark {
  return {
    ...{
      code: 'O1',
      level: 'error',
      text: `it stands behind ${before}, whose number is not lower`,
    },
    fix: 'give it the next number: what is new stands at the end of the list',
  };
}

function whole(migration: string, remark: Remark): LintFinding {
  return { ...remark, migration, statement: undefined };
}

function lintStep(step: Step, known: Known): LintFinding[] {
  if (step.step === 'code') return [];
  const texts = step.step === 'sql' ? splitStatements(step.sql) : [step.run];
  const statements = texts.map((text) => {
    const words = wordsOf(text);
    return { words, change: changeOf(words) };
  });
  const context = new StepContext(
    step,
    statements.map(({ change }) => change),
    known,
  );
  return statements.flatMap(({ words, change }, i) =>
    [...context.plain(words), ...context.remarks(words, change)].map((remark) => ({
      ...{ ...remark, migration: step.name, statement: i + 1 },
    })),
  );
}

/** Rules about a statement among the others of its migration. */
class StepContext {
  readonly #expands: boolean;
  readonly #recreates: boolean;
  readonly #known: Known;
  /** Tables that the migration itself makes. */
  readonly #created = new Set<string>();
  /** Names that tables get. */
  readonly #renamed = new Set<string>();
  readonly #dropped = new Set<string>();

  constructor(step: Step, changes: readonly Change[], known: Known) {
    this.#expands = step.kind === 'expand' || step.kind === 'data';
    this.#recreates = step.step === 'sql' && RECREATE.test(step.sql);
    this.#known = known;
    for (const change of changes) {
      if (change.kind === 'create-table') this.#created.add(change.table);
      if (change.kind === 'drop-table') this.#dropped.add(change.table);
      if (change.kind === 'rename-table') this.#renamed.add(change.to);
    }
  }

  /** What `rebuildTable` writes, and who follows it, is not told that the pragmas are taken out: it is meant. */
  plain(words: readonly Word[]): Remark[] {
    return statementRemarks(words).filter(({ code }) => code !== 'T1' || !this.#recreates);
  }

  remarks(words: readonly Word[], change: Change): Remark[] {
    switch (change.kind) {
      case 'create-table':
        this.#learn(change);
        return [];
      case 'drop-table':
        return this.#dropTable(change.table);
      case 'drop-column':
        return this.#destroys('D2', `column ${change.table}.${change.column} is dropped`);
      case 'rename-table': {
        const own = this.#created.has(change.table) || this.#dropped.has(change.to);
        return own ? [] : this.#renames(`table ${change.table} gets another name`);
      }
      case 'rename-column':
        if (this.#created.has(change.table)) return [];
        return this.#renames(`column ${change.table}.${change.column} gets another name`);
      case 'add-column':
        return addColumn(change.table, change.definition);
      case 'create-unique':
        return this.#unique(change.table);
      case 'rows': {
        if (change.where || this.#created.has(change.table)) return [];
        const verb = isAt(words, 0, 'update') ? 'changed' : 'deleted or changed';
        return this.#destroys('D3', `all rows of ${change.table} are ${verb}: there is no WHERE`);
      }
      case 'other':
        return [];
    }
  }

  #learn({ table, parents }: Extract<Change, { readonly kind: 'create-table' }>): void {
    for (const parent of parents) {
      if (!parent.acts || parent.table === table) continue;
      const children = this.#known.acting.get(parent.table) ?? new Set();
      this.#known.acting.set(parent.table, children.add(table));
    }
  }

  #dropTable(table: string): Remark[] {
    if (this.#renamed.has(table)) return this.#recreates ? [] : [REBUILT];
    const children = [...(this.#known.acting.get(table) ?? [])].filter(
      (child) => !this.#dropped.has(child),
    );
    const remarks = this.#created.has(table)
      ? []
      : this.#destroys('D1', `table ${table} is dropped`);
    if (children.length === 0) return remarks;
    return [
      ...remarks,
      {
        ...{ code: 'D4', level: 'error' },
        text: `rows of ${children.join(', ')} that refer to ${table} are deleted or changed with it`,
        fix: 'use rebuildTable to build it anew; or take the references away first',
      },
    ];
  }

  #destroys(code: 'D1' | 'D2' | 'D3', text: string): Remark[] {
    const fix = this.#expands
      ? "older code may still need it: make it a migration of kind 'contract'"
      : 'be sure that nobody needs it; a table that loses rows must stand in mayLoseRows';
    return [{ code, level: this.#expands ? 'error' : 'warn', text, fix }];
  }

  #renames(text: string): Remark[] {
    if (!this.#expands) return [];
    const fix =
      "older code does not find it any more: add the new one, fill it, and drop the old one in a 'contract'";
    return [{ code: 'C1', level: 'error', text, fix }];
  }

  #unique(table: string): Remark[] {
    if (!this.#expands || this.#created.has(table)) return [];
    return [
      {
        ...{ code: 'C3', level: 'warn', text: `rows of ${table} may not be unique` },
        fix: 'look whether the data is (quorate migrate plan --dry-run), and whether older code keeps it so',
      },
    ];
  }
}

const REBUILT: Remark = {
  ...{ code: 'D4', level: 'warn', text: 'the table is built anew: its indexes and triggers go' },
  fix: 'use rebuildTable, or a line `-- quorate: recreate = TABLE`',
};

function addColumn(table: string, definition: readonly Word[]): Remark[] {
  const required = definition.some((_, at) => isAt(definition, at, 'not', 'null'));
  const filled = definition.some(
    (_, at) => isAt(definition, at, 'default') && !isAt(definition, at + 1, 'null'),
  );
  const generated = definition.some((_, at) => isAt(definition, at, 'as', '('));
  if (!required || filled || generated) return [];
  return [
    {
      ...{ code: 'C2', level: 'error' },
      text: `a column of ${table} must not be NULL and has no default`,
      fix: 'give it a default; or add it without NOT NULL, fill it, and use rebuildTable',
    },
  ];
}
