import { QuorateError } from '../base/index.ts';
import type { CallOptions, NamespaceReport, OpenMigration, SchemaAccess } from '../client/index.ts';
import { canonicalText } from '../schema/index.ts';
import { checksumOf, type Migrations } from './define.ts';
import type { Check, CodeStep, Step } from './steps.ts';

/** Who takes part, as the database knows it. */
export interface Participant {
  readonly id: string;
  readonly kind: 'node' | 'client';
  /** Differs at each start. */
  readonly boot: string;
  readonly release: string;
}

/** What became of a migration. */
export interface Applied {
  readonly outcome: 'applied' | 'already' | 'begun';
  readonly version: number;
  readonly pages: number;
  readonly ms: number;
  /** Of a backfill: nothing is left. */
  readonly complete: boolean;
  /** Of a backfill: rows changed in this pass. */
  readonly done: number;
}

/** The answer to a registration. */
export interface Registered {
  readonly declaration: string;
  readonly namespaces: readonly NamespaceReport[];
  /** Nodes that count at barriers and of which the leader hears nothing: for how long, in ms. */
  readonly silent: ReadonlyMap<string, number>;
}

/** Requests about the schema, typed. Every method throws QuorateError. */
export class SchemaClient {
  readonly #access: SchemaAccess;

  constructor(access: SchemaAccess) {
    this.#access = access;
  }

  async register(
    participant: Participant,
    migrations: readonly Migrations[],
    options: CallOptions & { readonly pretend?: boolean } = {},
  ): Promise<Registered> {
    const { pretend = false, ...call } = options;
    const manifests = migrations.map(({ program }): unknown =>
      JSON.parse(canonicalText(program.manifest)),
    );
    const answer = await this.#ask({ op: 'register', participant, manifests, pretend }, call);
    return {
      declaration: text(answer.declaration),
      namespaces: list(answer.namespaces).map(namespaceReport),
      silent: new Map(
        list(answer.silent)
          .map(fields)
          .map(({ id, ms }) => [text(id), Number(ms)]),
      ),
    };
  }

  async leave({ id, boot }: Participant, options?: CallOptions): Promise<void> {
    await this.#ask({ op: 'leave', id, boot }, options);
  }

  /** One step of a migration: all of it, or one batch of a backfill. Code is run by `begin`. */
  async apply(
    step: Exclude<Step, { readonly step: 'code' }>,
    claim: Claim,
    options?: CallOptions,
  ): Promise<Applied> {
    const common = { ...claimOf(step, claim), ...optionsOf(step) };
    if (step.step === 'sql') {
      return applied(await this.#ask({ op: 'migrate', ...common, sql: step.sql }, options));
    }
    const { table, key, rows, run, verify } = step;
    const batch = { table, key, rows, step: run, ...(verify === undefined ? {} : { verify }) };
    return applied(await this.#ask({ op: 'batch', ...common, batch }, options));
  }

  /** Opens the transaction of a migration in code. */
  async begin(
    step: CodeStep,
    claim: Claim,
    options: CallOptions & { readonly idleMs?: number | undefined } = {},
  ): Promise<{ readonly begun: Applied; readonly open: OpenMigration }> {
    const checksum = checksumOf(step);
    const request = { op: 'begin', checksum, ...claimOf(step, claim), ...optionsOf(step) };
    const open = await this.#access.begin(JSON.stringify(request), options);
    return { begun: applied(parse(open.begun)), open };
  }

  async end(open: OpenMigration, run: string, options?: CallOptions): Promise<Applied> {
    return applied(parse(await open.end(JSON.stringify({ op: 'end', run }), options)));
  }

  async control(
    namespace: string,
    action: string,
    value: string,
    by: string,
    reason: string,
    options?: CallOptions,
  ): Promise<void> {
    await this.#ask({ op: 'control', namespace, action, value, by, reason }, options);
  }

  async baseline(
    migrations: Migrations,
    name: string,
    by: string,
    reason: string,
    options?: CallOptions,
  ): Promise<number> {
    const { namespace, program } = migrations;
    const request = { op: 'baseline', namespace, name, manifest: program.digest, by, reason };
    return Number((await this.#ask(request, options)).version);
  }

  /** Records a task as done, on one node or ('*') for all. */
  async taskDone(
    namespace: string,
    name: string,
    node: string,
    options?: CallOptions,
  ): Promise<void> {
    await this.#ask({ op: 'task', namespace, name, node }, options);
  }

  declare(declaration: string): void {
    this.#access.declare(declaration);
  }

  async #ask(request: object, options?: CallOptions): Promise<Fields> {
    return parse(await this.#access.request(JSON.stringify(request), options));
  }
}

/** Under what name an attempt runs. */
export interface Claim {
  readonly migrations: Migrations;
  readonly participant: Participant;
  /** Of this attempt. */
  readonly run: string;
}

type Fields = Readonly<Record<string, unknown>>;

function claimOf({ name }: Step, { migrations, participant, run }: Claim): object {
  const { namespace, program } = migrations;
  const { id, release } = participant;
  return { namespace, name, manifest: program.digest, run, by: id, release };
}

export function optionsOf({ mayLoseRows = [], checks, stallMs }: Step): object {
  const checkOf = ({ sql, message = '' }: Check): object => ({ sql, message });
  return {
    mayLoseRows: mayLoseRows === true ? ['*'] : mayLoseRows,
    before: (checks?.before ?? []).map(checkOf),
    after: (checks?.after ?? []).map(checkOf),
    ...(stallMs === undefined ? {} : { stallMs }),
  };
}

function parse(json: string): Fields {
  const value: unknown = JSON.parse(json);
  return fields(value);
}

function fields(value: unknown): Fields {
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value));
  throw new QuorateError('PROTOCOL', 'an answer about the schema has another form than expected');
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function namespaceReport(value: unknown): NamespaceReport {
  const report = fields(value);
  return {
    ...{ namespace: text(report.namespace), version: Number(report.version) },
    ...{ floor: Number(report.floor), generation: Number(report.generation) },
    ...{ phase: text(report.phase), canServe: report.canServe === true },
    ...{ reason: text(report.reason), code: text(report.code) },
    pending: list(report.pending).map(text),
  };
}

function applied(answer: Fields): Applied {
  const outcome = answer.outcome;
  return {
    outcome: outcome === 'already' || outcome === 'begun' ? outcome : 'applied',
    ...{ version: Number(answer.version ?? 0), pages: Number(answer.pages ?? 0) },
    ...{ ms: Number(answer.ms ?? 0), complete: answer.complete !== false },
    done: Number(answer.done ?? 0),
  };
}
