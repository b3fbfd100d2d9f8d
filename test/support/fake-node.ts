import {
  type LogIndex,
  logIndex,
  type Member,
  type NodeId,
  type Role,
  term,
} from '../../src/base/index.ts';
import type {
  AnswerSink,
  DatabaseImage,
  LeaderHint,
  NodeEvent,
  NodeRequest,
  NodeServices,
  NodeSession,
  NodeStatus,
  RequestFailure,
  RequestResult,
  RunningRequest,
  SessionOptions,
} from '../../src/node/index.ts';

type Result = Extract<RequestResult, { readonly kind: 'failed' }>['results'][number];

/** A request that the fake node was given; the test answers it. */
export class FakeCall implements RunningRequest {
  readonly request: NodeRequest;
  readonly session: FakeSession | undefined;
  readonly sink: AnswerSink;
  credits = 0;
  interrupts = 0;

  constructor(request: NodeRequest, sink: AnswerSink, session: FakeSession | undefined) {
    this.request = request;
    this.sink = sink;
    this.session = session;
  }
  credit(batches: number): void {
    this.credits += batches;
  }
  interrupt(): void {
    this.interrupts++;
  }
  rows(batch: Uint8Array): void {
    if (this.session?.closed !== true) this.sink.rows(batch);
  }
  done(results: readonly Partial<Result>[] = [{}], inTransaction = false): void {
    this.end({
      kind: 'done',
      index: logIndex(7),
      results: results.map(result),
      inTransaction,
    });
  }
  fail(failure: Partial<RequestFailure>, results: readonly Partial<Result>[] = []): void {
    this.end({
      kind: 'failed',
      failure: { ...FAILURE, ...failure },
      results: results.map(result),
      inTransaction: false,
    });
  }
  end(answer: RequestResult): void {
    if (this.session?.closed !== true) this.sink.end(answer);
  }
}

const FAILURE: RequestFailure = {
  code: 'SQLITE_ERROR',
  message: 'it failed',
  rawCode: 1,
  extendedCode: undefined,
  offset: undefined,
  statementIndex: undefined,
  retryable: false,
  outcome: undefined,
  leader: undefined,
  dqliteCode: 1,
};

function result(part: Partial<Result>): Result {
  return { rowsAffected: 0, lastInsertRowid: 0n, columns: [], columnTypes: [], ...part };
}

export class FakeSession implements NodeSession {
  readonly options: SessionOptions;
  readonly #node: FakeNode;
  closed = false;

  constructor(node: FakeNode, options: SessionOptions) {
    this.#node = node;
    this.options = options;
  }
  submit(request: NodeRequest, sink: AnswerSink): RunningRequest {
    return this.#node.run(request, sink, this);
  }
  close(): void {
    this.closed = true;
  }
}

/** A node whose answers the test writes. */
export class FakeNode implements NodeServices {
  readonly calls: FakeCall[] = [];
  readonly sessions: FakeSession[] = [];
  readonly #listeners = new Set<(event: NodeEvent) => void>();
  leading = true;
  leader: LeaderHint | undefined = { id: 1n, address: '127.0.0.1:9711' };
  members: Member[] = [{ id: 1n, address: '127.0.0.1:9711', role: 'voter' }];
  databases: string[] = [];
  images = new Map<string, Uint8Array>();
  changes: string[] = [];
  /** Thrown by the next membership request. */
  refusal: unknown;
  /** Answers requests as they come; without it they wait in `calls`. */
  answer: ((call: FakeCall) => void) | undefined;
  failureDomain = 0n;
  weight = 0n;

  get last(): FakeCall {
    const call = this.calls.at(-1);
    if (call === undefined) throw new Error('the node was asked nothing');
    return call;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  run(request: NodeRequest, sink: AnswerSink, session: FakeSession | undefined): FakeCall {
    const call = new FakeCall(request, sink, session);
    this.calls.push(call);
    this.answer?.(call);
    return call;
  }

  emit(event: NodeEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  status(): NodeStatus {
    const zero = logIndex(0);
    return {
      id: 1n,
      address: '127.0.0.1:9711',
      role: this.leading ? 'leader' : 'follower',
      memberRole: 'voter',
      term: term(1),
      leader: this.leader,
      members: this.members,
      lastIndex: zero,
      stored: zero,
      commit: zero,
      applied: zero,
      snapshotIndex: zero,
      databases: this.databases,
      quarantined: false,
      counters: {
        entriesProposed: 0,
        transactionsProposed: 0,
        syncs: 0,
        entriesWritten: 0,
        readRounds: 0,
        leasedReads: 0,
        snapshotsTaken: 0,
        snapshotsInstalled: 0,
        elections: 0,
      },
      logBytes: 0,
      followers: [],
    };
  }
  leaderHint(): LeaderHint | undefined {
    return this.leader;
  }
  isLeader(): boolean {
    return this.leading;
  }
  openSession(options: SessionOptions): FakeSession {
    const session = new FakeSession(this, options);
    this.sessions.push(session);
    return session;
  }
  execute(request: NodeRequest, sink: AnswerSink): RunningRequest {
    return this.run(request, sink, undefined);
  }
  async readIndex(timeoutMs: number): Promise<LogIndex> {
    await this.#change(`read-index ${timeoutMs}`);
    return logIndex(41);
  }
  add(id: NodeId, address: string): Promise<void> {
    return this.#change(`add ${id} ${address}`);
  }
  assign(id: NodeId, role: Role): Promise<void> {
    return this.#change(`assign ${id} ${role}`);
  }
  remove(id: NodeId): Promise<void> {
    return this.#change(`remove ${id}`);
  }
  transfer(to: NodeId): Promise<void> {
    return this.#change(`transfer ${to}`);
  }
  async image(database: string): Promise<DatabaseImage | undefined> {
    const bytes = this.images.get(database);
    if (bytes === undefined) return undefined;
    async function* chunks(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < (bytes?.length ?? 0); at += 4096)
        yield bytes?.slice(at, at + 4096) ?? new Uint8Array();
    }
    return { index: logIndex(9), pages: bytes.length / 4096, chunks };
  }
  on(listener: (event: NodeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #change(text: string): Promise<void> {
    this.changes.push(text);
    const { refusal } = this;
    this.refusal = undefined;
    if (refusal !== undefined) throw refusal;
  }
}
