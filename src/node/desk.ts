import {
  assert,
  type Clock,
  Deadlines,
  LIMITS,
  type LogIndex,
  Numbered,
  type Port,
  RestingTexts,
} from '../base/index.ts';
import type { Answer, SessionMessage } from '../machine/index.ts';
import type {
  AnswerSink,
  NodeRequest,
  RequestFailure,
  RunningRequest,
  SessionOptions,
} from './contract.ts';
import * as failures from './failures.ts';
import type { Gate } from './gate.ts';
import type { IndexWaiters } from './index-waiters.ts';
import type { IndexAsker } from './leader-link.ts';
import type { ReadAsker } from './read-rounds.ts';
import { Running } from './running.ts';
import type { SealBook } from './seal-book.ts';
import { Session } from './session.ts';

/** A thread that runs SQL: the machine or a reader. */
export class Target {
  readonly isReader: boolean;
  /** Requests that it has and has not finished. */
  load = 0;
  readonly #port: Pick<Port<SessionMessage, unknown>, 'post'>;

  constructor(port: Pick<Port<SessionMessage, unknown>, 'post'>, isReader: boolean) {
    this.#port = port;
    this.isReader = isReader;
  }

  post(message: SessionMessage): void {
    this.#port.post(message);
  }
}

/** What requests need to know of the rest of the node. */
export interface DeskServices {
  isLeader(): boolean;
  isLed(): boolean;
  leaderAddress(): string | undefined;
  lastIndex(): LogIndex;
  commit(): LogIndex;
  /** Asks for a read round begun from now on. */
  confirm(asker: ReadAsker): void;
  /** On a leader whose lease holds: what reads see that need no round. */
  leased(): LogIndex | undefined;
  /** Fetches a read index from the leader. */
  askLeader(asker: IndexAsker): void;
  /** How old this replica is at most, as far as it was proven. */
  staleness(): { readonly ageMs: number; readonly lag: number };
  /** The leader, asked at `at`, named `index`. */
  proven(index: LogIndex, at: number): void;
}

export interface DeskOptions {
  readonly clock: Clock;
  readonly machine: Target;
  readonly readers: readonly Target[];
  /** Runs on this thread what is over in a moment, and declines all else. */
  readonly brief: Target | undefined;
  readonly seals: SealBook;
  readonly gate: Gate;
  readonly applied: IndexWaiters;
  readonly services: DeskServices;
  /** How long a write may wait to learn its fate, in ms. */
  readonly fateMs: number;
}

/** Longer texts are never brief. */
const BRIEF_TEXT = 4 * 1024;
/** Where requests come in and answers go out. */
export class Desk {
  readonly machine: Target;
  readonly brief: Target | undefined;
  readonly seals: SealBook;
  readonly gate: Gate;
  readonly applied: IndexWaiters;
  readonly deadlines: Deadlines;
  readonly fateMs: number;
  /** How long a request without a deadline may wait before a thread has it, in ms. */
  readonly waitMs: number = LIMITS.writeQueueMs;
  diskFull = false;
  readonly #clock: Clock;
  readonly #readers: readonly Target[];
  readonly #services: DeskServices;
  readonly #running = new Numbered<Running>();
  /** Requests that wait for the epoch to begin. */
  readonly #unled = new Set<Running>();
  /** Requests without a session. */
  readonly #alone = new Numbered<Running>();
  readonly #sessions = new Map<number, Session>();
  /** Statements that were not brief. */
  readonly #long = new RestingTexts();
  #request = 0;
  #session = 0;
  #reader = 0;
  #stopped = false;

  constructor(options: DeskOptions) {
    assert(options.readers.length > 0, 'a node needs a reader');
    this.#clock = options.clock;
    this.machine = options.machine;
    this.brief = options.brief;
    this.#readers = options.readers;
    this.seals = options.seals;
    this.gate = options.gate;
    this.applied = options.applied;
    this.fateMs = options.fateMs;
    this.#services = options.services;
    this.deadlines = new Deadlines(options.clock);
  }

  now(): number {
    return this.#clock.now();
  }

  isLeader(): boolean {
    return this.#services.isLeader();
  }
  isLed(): boolean {
    return this.#services.isLed();
  }
  leaderAddress(): string | undefined {
    return this.#services.leaderAddress();
  }
  lastIndex(): LogIndex {
    return this.#services.lastIndex();
  }
  commit(): LogIndex {
    return this.#services.commit();
  }
  leased(): LogIndex | undefined {
    return this.#services.leased();
  }

  confirm(asker: ReadAsker): void {
    this.#services.confirm(asker);
  }
  askLeader(asker: IndexAsker): void {
    this.#services.askLeader(asker);
  }
  staleness(): { readonly ageMs: number; readonly lag: number } {
    return this.#services.staleness();
  }
  proven(index: LogIndex, at: number): void {
    this.#services.proven(index, at);
  }

  openSession(options: SessionOptions): Session {
    const session = new Session(this, ++this.#session, options);
    this.#sessions.set(session.number, session);
    if (this.#stopped) session.close();
    return session;
  }

  sessionClosed(session: Session): void {
    this.#sessions.delete(session.number);
  }

  sessionAborted(number: number): void {
    this.#sessions.get(number)?.aborted();
  }

  execute(request: NodeRequest, sink: AnswerSink): RunningRequest {
    const running: Running = new Running(this, undefined, request, sink, () => {
      this.#alone.delete(number);
    });
    const number = this.#alone.add(running);
    if (this.#stopped) running.fail(failures.stopping());
    else running.start();
    return running;
  }

  /** The reader on this thread, for a statement that it has not declined lately. A hop to another thread costs more than most reads. */
  briefFor(sql: string): Target | undefined {
    return sql.length > BRIEF_TEXT || this.#long.skip(sql) ? undefined : this.brief;
  }

  declined(sql: string): void {
    this.#long.add(sql);
  }

  /** The reader with the least to do. */
  nextReader(): Target {
    let best = this.#readers[this.#reader++ % this.#readers.length];
    for (const reader of this.#readers) if (reader.load < best.load) best = reader;
    return best;
  }

  /** Registers a request with a number of its own, by which its answers are recognised. */
  begin(running: Running): number {
    const number = ++this.#request;
    this.#running.set(number, running);
    return number;
  }

  end(number: number): void {
    this.#running.delete(number);
  }

  answer(answer: Answer): void {
    this.#running.get(answer.request)?.answer(answer);
  }

  /** `running.resume` is called when the epoch begins; it fails when leadership ends before. */
  whenLed(running: Running): () => void {
    if (this.#unled.size >= LIMITS.writeQueue) {
      running.fail(failures.overloaded('too many requests wait for the leader to start'));
      return () => undefined;
    }
    this.#unled.add(running);
    return () => {
      this.#unled.delete(running);
    };
  }

  led(): void {
    const waiting = [...this.#unled];
    this.#unled.clear();
    for (const running of waiting) running.resume();
  }

  /** The epoch is over. Requests that ran get their fate through the gate. */
  ended(): void {
    const failure = this.#notLeader();
    for (const session of [...this.#sessions.values()]) session.lose(failure);
  }

  /** This node is not the leader any more. */
  followed(): void {
    const waiting = [...this.#unled];
    this.#unled.clear();
    const failure = this.#notLeader();
    for (const running of waiting) running.fail(failure);
  }

  stop(): void {
    this.#stopped = true;
    const failure = failures.stopping();
    for (const session of [...this.#sessions.values()]) session.stop(failure);
    const all = [...this.#running.values(), ...this.#unled, ...this.#alone.values()];
    for (const running of all) running.stop();
    this.deadlines.stop();
  }

  #notLeader(): RequestFailure {
    return failures.notLeader(this.leaderAddress());
  }
}
