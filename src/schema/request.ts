import { QuorateError } from '../base/index.ts';
import {
  type Base,
  type Manifest,
  type ManifestEntry,
  MIGRATION_KINDS,
  Program,
  TASK_SCOPES,
  type TaskName,
} from './manifest.ts';

/** Who asks. */
export interface ParticipantClaim {
  readonly id: string;
  readonly kind: 'node' | 'client';
  readonly boot: string;
  readonly release: string;
}

/** What all requests that run a migration say. */
export interface MigrationClaim {
  readonly namespace: string;
  readonly name: string;
  /** Digest of the manifest that the caller has registered. */
  readonly manifest: string;
  /** Of this attempt: it tells an answer that was lost from a migration of somebody else. */
  readonly run: string;
  readonly by: string;
  readonly release: string;
}

/** What may be demanded of a migration, or forgiven. */
export interface MigrationOptions {
  /** Tables that may lose rows; '*' = all. */
  readonly mayLoseRows: readonly string[];
  /** Queries that must return no row, or only 0, before and after; a row is evidence in the message. */
  readonly before: readonly Check[];
  readonly after: readonly Check[];
  /** How long writers may wait for it, in ms; 0 = the default. */
  readonly stallMs: number;
}

export interface Check {
  readonly sql: string;
  readonly message: string;
}

/** A backfill: `step` is run for one range of keys after another, with :after and :upto. */
export interface BatchSpecification {
  readonly table: string;
  readonly key: string;
  readonly rows: number;
  readonly step: string;
  /** Must return 0 in the end. */
  readonly verify: string | undefined;
}

export type SchemaRequest =
  | {
      readonly op: 'register';
      readonly participant: ParticipantClaim;
      readonly programs: readonly Program[];
      /** Nothing is written: what would become of it. */
      readonly pretend: boolean;
    }
  | { readonly op: 'leave'; readonly id: string; readonly boot: string }
  | (MigrationClaim & {
      readonly op: 'migrate';
      readonly sql: string;
      readonly options: MigrationOptions;
    })
  /** Takes the write transaction of this session for a migration in code; its statements follow. */
  | (MigrationClaim & {
      readonly op: 'begin';
      /** Of the code that the program would run; '' when it does not say. */
      readonly checksum: string;
      readonly options: MigrationOptions;
    })
  | { readonly op: 'end'; readonly run: string }
  | (MigrationClaim & {
      readonly op: 'batch';
      readonly batch: BatchSpecification;
      readonly options: MigrationOptions;
    })
  | {
      readonly op: 'control';
      readonly namespace: string;
      readonly action: ControlAction;
      readonly value: string;
      readonly by: string;
      readonly reason: string;
    }
  /** Takes over a history of another tool: entries up to `name` count as applied, nothing is executed. */
  | {
      readonly op: 'baseline';
      readonly namespace: string;
      readonly name: string;
      readonly manifest: string;
      readonly by: string;
      readonly reason: string;
    }
  | {
      readonly op: 'task';
      readonly namespace: string;
      readonly name: string;
      readonly node: string;
    };

/** Migrations to be tried on a copy of what is committed, by any node: nothing is written. */
export interface RehearsalRequest {
  readonly program: Program;
  readonly steps: readonly RehearsalStep[];
}

/** What a migration of the program does; those without one are not rehearsed. */
export interface RehearsalStep {
  readonly name: string;
  /** The text, or the backfill. */
  readonly work: string | BatchSpecification;
  readonly options: MigrationOptions;
}

const CONTROL_ACTIONS = [
  'hold',
  'release',
  'exclude',
  'include',
  'finalize',
  'finalize-policy',
  'undeclared-policy',
  'ddl-policy',
  'repair',
  'rerecord',
  'accept-drift',
  'override',
] as const;

export type ControlAction = (typeof CONTROL_ACTIONS)[number];

const TEXT_MAX = 1024;
const SQL_MAX = 16 * 1024 * 1024;

/** Reads a request from a client. Throws QuorateError SCHEMA_BAD_REQUEST, BAD_MIGRATIONS. */
export function parseSchemaRequest(json: string): SchemaRequest {
  const fields = new Fields(parse(json));
  const op = fields.text('op');
  switch (op) {
    case 'register':
      return {
        op,
        participant: participantOf(fields.object('participant')),
        programs: programsOf(fields.list('manifests')),
        pretend: fields.flag('pretend'),
      };
    case 'leave':
      return { op, id: fields.text('id'), boot: fields.text('boot') };
    case 'migrate':
      return {
        op,
        ...claimOf(fields),
        sql: fields.text('sql', SQL_MAX),
        options: optionsOf(fields),
      };
    case 'begin':
      return {
        op,
        ...claimOf(fields),
        checksum: fields.optional('checksum'),
        options: optionsOf(fields),
      };
    case 'end':
      return { op, run: fields.text('run') };
    case 'batch':
      return {
        op,
        ...claimOf(fields),
        batch: batchOf(fields.object('batch')),
        options: optionsOf(fields),
      };
    case 'control':
      return {
        op,
        ...{ namespace: fields.text('namespace'), action: fields.oneOf('action', CONTROL_ACTIONS) },
        ...{
          value: fields.optional('value'),
          by: fields.text('by'),
          reason: fields.optional('reason'),
        },
      };
    case 'baseline':
      return {
        op,
        ...{ namespace: fields.text('namespace'), name: fields.text('name') },
        ...{ manifest: fields.text('manifest'), by: fields.text('by') },
        reason: fields.optional('reason'),
      };
    case 'task':
      return {
        op,
        ...{ namespace: fields.text('namespace'), name: fields.text('name') },
        node: fields.text('node'),
      };
    default:
      throw badRequest(`there is no operation ${JSON.stringify(op.slice(0, 32))}`);
  }
}

/** Reads a request to rehearse. Throws QuorateError SCHEMA_BAD_REQUEST, BAD_MIGRATIONS. */
export function parseRehearsal(json: string): RehearsalRequest {
  const fields = new Fields(parse(json));
  const program = programOf(fields.object('manifest'));
  const steps = fields.list('steps').map((step) => ({
    name: step.text('name'),
    work: step.has('batch') ? batchOf(step.object('batch')) : step.text('sql', SQL_MAX),
    options: optionsOf(step),
  }));
  return { program, steps };
}

/** Reads a manifest that was stored or sent. Throws QuorateError SCHEMA_BAD_REQUEST, BAD_MIGRATIONS. */
export function parseManifest(json: string): Program {
  return programOf(new Fields(parse(json)));
}

/** Reads a stored declaration: namespace → digest. */
export function parseDeclaration(json: string): Readonly<Record<string, string>> {
  return new Fields(parse(json)).texts();
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw badRequest('it is no JSON');
  }
}

function participantOf(fields: Fields): ParticipantClaim {
  return {
    ...{ id: fields.text('id', 128), kind: fields.oneOf('kind', ['node', 'client']) },
    ...{ boot: fields.text('boot', 128), release: fields.optional('release') },
  };
}

function programOf(fields: Fields): Program {
  const base = fields.has('base') ? fields.object('base') : undefined;
  const manifest: Manifest = {
    namespace: fields.text('namespace'),
    entries: fields.list('entries').map(entryOf),
    ...(base === undefined ? {} : { base: baseOf(base) }),
    ...(fields.has('servesFrom') ? { servesFrom: fields.text('servesFrom') } : {}),
  };
  return new Program(manifest);
}

function baseOf(fields: Fields): Base {
  const snapshot = fields.has('snapshot') ? fields.object('snapshot') : undefined;
  return {
    ...{ version: fields.count('version'), chain: fields.text('chain') },
    ...(fields.has('contracts') ? { contracts: fields.object('contracts').texts() } : {}),
    ...(fields.has('release') ? { release: fields.text('release') } : {}),
    ...(snapshot === undefined
      ? {}
      : { snapshot: { name: snapshot.text('name'), checksum: snapshot.text('checksum') } }),
  };
}

/** What one participant knows: at least one namespace, each once. */
function programsOf(list: readonly Fields[]): Program[] {
  const programs = list.map(programOf);
  const namespaces = new Set(programs.map(({ manifest }) => manifest.namespace));
  if (programs.length === 0) throw badRequest('it names no migrations');
  if (namespaces.size < programs.length) throw badRequest('a namespace stands in it twice');
  return programs;
}

function entryOf(fields: Fields): ManifestEntry {
  return {
    ...{ name: fields.text('name'), kind: fields.oneOf('kind', MIGRATION_KINDS) },
    checksum: fields.text('checksum'),
    ...(fields.has('after') ? { after: fields.names('after') } : {}),
    ...(fields.has('tasks') ? { tasks: fields.list('tasks').map(taskOf) } : {}),
  };
}

function taskOf(fields: Fields): TaskName {
  return { name: fields.text('name'), once: fields.oneOf('once', TASK_SCOPES) };
}

function claimOf(fields: Fields): MigrationClaim {
  return {
    ...{ namespace: fields.text('namespace'), name: fields.text('name') },
    ...{ manifest: fields.text('manifest'), run: fields.text('run', 128) },
    ...{ by: fields.text('by'), release: fields.optional('release') },
  };
}

function optionsOf(fields: Fields): MigrationOptions {
  return {
    mayLoseRows: fields.has('mayLoseRows') ? fields.names('mayLoseRows') : [],
    before: checksOf(fields, 'before'),
    after: checksOf(fields, 'after'),
    stallMs: fields.has('stallMs') ? fields.count('stallMs') : 0,
  };
}

function checksOf(fields: Fields, key: string): Check[] {
  if (!fields.has(key)) return [];
  return fields.list(key).map((check) => ({
    sql: check.text('sql', SQL_MAX),
    message: check.optional('message'),
  }));
}

function batchOf(fields: Fields): BatchSpecification {
  return {
    ...{ table: fields.text('table'), key: fields.text('key'), rows: fields.count('rows') },
    step: fields.text('step', SQL_MAX),
    verify: fields.has('verify') ? fields.text('verify', SQL_MAX) : undefined,
  };
}

/** An object of somebody else, read field by field. */
class Fields {
  readonly #value: Readonly<Record<string, unknown>>;

  constructor(value: unknown) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw badRequest('an object is missing');
    }
    this.#value = Object.fromEntries(Object.entries(value));
  }

  has(key: string): boolean {
    return this.#value[key] !== undefined;
  }

  text(key: string, charactersMax = TEXT_MAX): string {
    const value = this.#value[key];
    if (typeof value !== 'string' || value === '') throw badRequest(`${key} must be a text`);
    if (value.length > charactersMax) throw badRequest(`${key} is longer than ${charactersMax}`);
    return value;
  }

  /** '' when it is absent. */
  optional(key: string): string {
    const value = this.#value[key];
    return value === undefined || value === '' ? '' : this.text(key);
  }

  flag(key: string): boolean {
    const value = this.#value[key];
    if (value === undefined) return false;
    if (typeof value !== 'boolean') throw badRequest(`${key} must be true or false`);
    return value;
  }

  count(key: string): number {
    const value = this.#value[key];
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
      throw badRequest(`${key} must be a number from 0`);
    }
    return value;
  }

  oneOf<T extends string>(key: string, values: readonly T[]): T {
    const text = this.text(key);
    const found = values.find((value) => value === text);
    if (found === undefined) throw badRequest(`${key} must be one of ${values.join(', ')}`);
    return found;
  }

  object(key: string): Fields {
    return new Fields(this.#value[key]);
  }

  list(key: string): Fields[] {
    const value = this.#value[key];
    if (!Array.isArray(value)) throw badRequest(`${key} must be a list`);
    return value.map((each: unknown) => new Fields(each));
  }

  names(key: string): string[] {
    const value = this.#value[key];
    if (!Array.isArray(value)) throw badRequest(`${key} must be a list`);
    return value.map((each: unknown) => {
      if (typeof each === 'string') return each;
      throw badRequest(`${key} must be a list of texts`);
    });
  }

  texts(): Readonly<Record<string, string>> {
    return Object.fromEntries(Object.keys(this.#value).map((key) => [key, this.text(key)]));
  }
}

function badRequest(what: string): QuorateError {
  return new QuorateError(
    'SCHEMA_BAD_REQUEST',
    `the request about the schema cannot be read: ${what}`,
  );
}
