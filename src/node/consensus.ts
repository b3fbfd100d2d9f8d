import {
  assert,
  type Clock,
  DecodeError,
  type NodeId,
  QuorateError,
  type Timer,
} from '../base/index.ts';
import type { DurableLog } from '../log/index.ts';
import type { Raft, RaftEffect, RaftInput, RaftOutput } from '../raft/index.ts';
import type { ConsensusWatch } from './watch.ts';

/** What the consensus loop asks of the rest of the node. */
export interface ConsensusEvents {
  send(envelopes: RaftOutput['send']): void;
  effect(effect: RaftEffect): void;
  /** Something more is durable. */
  stored(): void;
  /** The log refuses to grow, for now: the disk is full. */
  diskFull(error: QuorateError): void;
  /** Again nothing could be written for lack of space; also the first time. */
  stillFull(): void;
  /** Something is written again after `diskFull`. */
  diskRecovered(): void;
  /** The message was refused as malformed; nothing has changed. */
  malformed(peer: NodeId, error: DecodeError): void;
  /** A broken invariant or a broken disk: the node must stop. */
  fatal(error: unknown): void;
}

/**
 * Feeds the core and obeys its output in the order of the contract: send, persist, then effects; what
 * promises durability leaves only after the disk has answered. Inputs that arise while an output is being
 * obeyed wait their turn.
 */
export class Consensus {
  readonly #raft: Raft;
  readonly #log: DurableLog;
  readonly #clock: Clock;
  readonly #events: ConsensusEvents;
  readonly #watch: ConsensusWatch | undefined;
  readonly #inputs: RaftInput[] = [];
  #running = false;
  #stopped = false;
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #diskFull = false;
  /** Settles when everything handed to the log so far is durable. */
  #persisted: Promise<void> = Promise.resolve();

  constructor(
    raft: Raft,
    log: DurableLog,
    clock: Clock,
    events: ConsensusEvents,
    watch?: ConsensusWatch,
  ) {
    this.#raft = raft;
    this.#log = log;
    this.#clock = clock;
    this.#events = events;
    this.#watch = watch;
  }

  /** True while an output is being obeyed: a `step` made now takes effect later. */
  get busy(): boolean {
    return this.#running;
  }

  /** Processes `input`, at once unless another input is being processed. */
  step(input: RaftInput): void {
    if (this.#stopped) return;
    this.#inputs.push(input);
    if (this.#running) return;
    this.#running = true;
    try {
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
        const output = this.#process(next);
        if (output !== undefined) this.#obey(output);
        if (this.#stopped) return;
      }
    } catch (error) {
      this.#events.fatal(error);
    } finally {
      this.#running = false;
    }
  }

  tick(): void {
    this.step({ kind: 'tick', now: this.#clock.now() });
  }

  /** Nothing is processed any more. Resolves when the log has finished what it was given. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#inputs.length = 0;
    await this.#persisted.catch(() => undefined);
  }

  #process(input: RaftInput): RaftOutput | undefined {
    try {
      const output = this.#raft.step(input);
      this.#watch?.stepped(input, output, this.#raft);
      return output;
    } catch (error) {
      const fromPeer = input.kind === 'receive' || input.kind === 'install-offered';
      if (!fromPeer || !(error instanceof DecodeError)) throw error;
      this.#events.malformed(input.from, error);
      return undefined;
    }
  }

  #obey(output: RaftOutput): void {
    if (output.send.length > 0) this.#send(output.send);
    if (output.persist.length > 0 || output.sendAfter.length > 0) this.#persist(output);
    for (const effect of output.effects) {
      this.#events.effect(effect);
      if (this.#stopped) return;
    }
    this.#schedule(output.nextTick);
  }

  #send(envelopes: RaftOutput['send']): void {
    this.#watch?.sends(envelopes, this.#raft);
    this.#events.send(envelopes);
  }

  #persist(output: RaftOutput): void {
    const { ticket, sendAfter } = output;
    if (output.persist.length === 0) {
      // A promise about what was handed to the disk before: it waits for that.
      this.#persisted.then(
        () => !this.#stopped && this.#attempt(() => this.#send(sendAfter)),
        () => undefined,
      );
      return;
    }
    assert(ticket > 0, 'a batch to persist has no ticket');
    const durable = this.#log.persist(output.persist);
    this.#persisted = durable;
    durable.then(
      () => {
        if (!this.#stopped) this.#attempt(() => this.#persistDone(ticket, sendAfter));
      },
      (error: unknown) => this.#attempt(() => this.#persistFailed(ticket, error)),
    );
  }

  /** Nobody awaits what follows a write: what it throws must stop the node all the same. */
  #attempt(task: () => void): void {
    try {
      task();
    } catch (error) {
      this.#events.fatal(error);
    }
  }

  #persistDone(ticket: number, sendAfter: RaftOutput['send']): void {
    if (this.#diskFull) {
      this.#diskFull = false;
      this.#events.diskRecovered();
    }
    this.step({ kind: 'persisted', now: this.#clock.now(), ticket });
    this.#events.stored();
    if (!this.#stopped && sendAfter.length > 0) this.#send(sendAfter);
  }

  #persistFailed(ticket: number, error: unknown): void {
    if (this.#stopped) return;
    if (!(error instanceof QuorateError && error.code === 'DISK_FULL')) {
      this.#events.fatal(error);
      return;
    }
    if (!this.#diskFull) this.#events.diskFull(error);
    this.#diskFull = true;
    this.#events.stillFull();
    this.step({ kind: 'persist-failed', now: this.#clock.now(), ticket });
  }

  /** One timer, never later than asked; it may fire early, which costs one idle tick. */
  #schedule(at: number): void {
    if (at >= this.#timerAt || this.#stopped || !Number.isFinite(at)) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.#clock.after(Math.max(0, at - this.#clock.now()), () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.tick();
    });
  }
}
