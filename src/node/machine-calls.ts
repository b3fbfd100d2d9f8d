import { AssertionError, assert, type LogIndex, type Port, QuorateError } from '../base/index.ts';
import type { FromMachine, MachineStatistics, ToMachine } from '../machine/index.ts';

type Reply = Extract<
  FromMachine,
  { readonly kind: 'drained' | 'cut' | 'cut-chunk' | 'restored' | 'statistics' }
>;
type Other = Exclude<FromMachine, Reply>;

/** A pinned state of all databases, or of one. Read it to the end or release it. */
export interface Cut {
  readonly id: number;
  readonly index: LogIndex;
  readonly bytes: number;
  readonly pages: number;
  readonly missing: boolean;
}

interface Waiting {
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/** Questions to the SQL thread that have one answer. */
export class MachineCalls {
  readonly #port: Port<ToMachine, FromMachine>;
  readonly #waiting = new Map<number, Waiting>();
  #id = 0;
  #failed: Error | undefined;
  /** Messages that came while there was no node to hear them. */
  #early: Other[] = [];
  #other: (message: Other) => void = (message) => this.#keep(message);

  /** From now on it hears the port. */
  constructor(port: Port<ToMachine, FromMachine>) {
    this.#port = port;
    port.onMessage((message) => this.#receive(message));
  }

  /** Everything that is no answer goes to `handler`, also what came before. */
  attach(handler: (message: Other) => void): void {
    this.#other = handler;
    const early = this.#early;
    this.#early = [];
    for (const message of early) handler(message);
  }

  #receive(message: FromMachine): void {
    switch (message.kind) {
      case 'drained':
      case 'cut':
      case 'cut-chunk':
      case 'restored':
      case 'statistics':
        this.reply(message);
        break;
      default:
        this.#other(message);
    }
  }

  #keep(message: Other): void {
    if (message.kind === 'fatal') this.#fail(new AssertionError(message.message));
    else this.#early.push(message);
  }

  /** A number that no other question has. */
  nextId(): number {
    return ++this.#id;
  }

  reply(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    waiting?.resolve(reply);
  }

  /** Everything asked and not answered fails with NODE_STOPPED. */
  close(): void {
    this.#fail(stopped());
  }

  #fail(error: Error): void {
    this.#failed ??= error;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const one of waiting) one.reject(error);
  }

  /** Resolves when no transaction is open and everything was sealed; `resume` ends it. */
  async drain(graceMs: number): Promise<number> {
    const id = this.nextId();
    await this.#ask(id, { kind: 'drain', id, graceMs });
    return id;
  }

  resume(id: number): void {
    this.#port.post({ kind: 'resume', id });
  }

  cut(): Promise<Cut> {
    const id = this.nextId();
    return this.#askCut(id, { kind: 'cut', id });
  }

  cutDatabase(database: string): Promise<Cut> {
    const id = this.nextId();
    return this.#askCut(id, { kind: 'cut-database', id, database });
  }

  /** Throws SNAPSHOT_TOO_OLD when the pages could not be kept any longer. */
  async readCut(
    id: number,
    bytes: number,
  ): Promise<{ readonly bytes: Uint8Array; readonly last: boolean }> {
    const reply = await this.#ask(id, { kind: 'read-cut', id, bytes });
    assert(reply.kind === 'cut-chunk', () => `${reply.kind} instead of a part of a cut`);
    if (reply.error !== undefined) throw new QuorateError('SNAPSHOT_TOO_OLD', reply.error);
    return reply;
  }

  releaseCut(id: number): void {
    this.#port.post({ kind: 'release-cut', id });
  }

  beginRestore(id: number, index: LogIndex): void {
    this.#port.post({ kind: 'restore-begin', id, index });
  }

  /** `transfer`: the memory of `bytes`, when nobody else needs it. */
  restoreChunk(id: number, bytes: Uint8Array, transfer?: readonly ArrayBuffer[]): void {
    this.#port.post({ kind: 'restore-chunk', id, bytes }, transfer);
  }

  /** Asks, before anything depends on it, whether the content is complete and sound. Throws RESTORE_FAILED. */
  async checkRestore(id: number): Promise<void> {
    await this.#askRestore(id, { kind: 'restore-check', id }, true);
  }

  /** Swaps the restored state in, or drops it. Throws RESTORE_FAILED. */
  async endRestore(id: number, commit: boolean): Promise<void> {
    await this.#askRestore(id, { kind: 'restore-end', id, commit }, commit);
  }

  async #askRestore(id: number, message: ToMachine, wanted: boolean): Promise<void> {
    const reply = await this.#ask(id, message);
    assert(reply.kind === 'restored', () => `${reply.kind} instead of the end of a restore`);
    if (reply.error !== undefined && wanted) throw new QuorateError('RESTORE_FAILED', reply.error);
  }

  /** Answered after everything posted before was handled: also a way to wait for that. */
  async statistics(): Promise<MachineStatistics> {
    const id = this.nextId();
    const reply = await this.#ask(id, { kind: 'statistics', id });
    assert(reply.kind === 'statistics', () => `${reply.kind} instead of statistics`);
    return reply.statistics;
  }

  async #askCut(id: number, message: ToMachine): Promise<Cut> {
    const reply = await this.#ask(id, message);
    assert(reply.kind === 'cut', () => `${reply.kind} instead of a cut`);
    return reply;
  }

  #ask(id: number, message: ToMachine): Promise<Reply> {
    assert(!this.#waiting.has(id), () => `question ${id} is open`);
    return new Promise((resolve, reject) => {
      if (this.#failed !== undefined) {
        reject(this.#failed);
        return;
      }
      this.#waiting.set(id, { resolve, reject });
      this.#port.post(message);
    });
  }
}

function stopped(): QuorateError {
  return new QuorateError('NODE_STOPPED', 'the node is stopping', { retryable: true });
}
