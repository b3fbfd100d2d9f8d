import {
  assert,
  type Clock,
  type HashFactory,
  LIMITS,
  type LogIndex,
  type LogLevel,
  logIndex,
  must,
  type NodeId,
  type Port,
  QuorateError,
  SeededRandom,
} from '../base/index.ts';
import type { Recovered } from '../log/index.ts';
import {
  type FromMachine,
  type FromReader,
  Machine,
  Reader,
  type ToMachine,
  type ToReader,
} from '../machine/index.ts';
import { type ConsensusWatch, Node } from '../node/index.ts';
import { Server } from '../server/index.ts';
import { type DiskCall, type DiskFault, SimulatedDisk } from './disk.ts';
import type { Invariants } from './invariants.ts';
import type { SimulatedNetwork } from './network.ts';
import { type PortDelays, simulatedPorts } from './ports.ts';
import { ProcessClock, type Scheduler } from './scheduler.ts';
import type { TraceHash } from './trace-hash.ts';
import { watchedServices } from './watched-services.ts';
import { Witness } from './witness.ts';

/** How a node refuses a damaged directory. */
const DAMAGE: ReadonlySet<string> = new Set(['LOG_DAMAGED', 'FORMAT_UNSUPPORTED']);

/** What all processes of a run share. */
export interface Environment {
  readonly scheduler: Scheduler;
  readonly network: SimulatedNetwork;
  readonly random: SeededRandom;
  readonly invariants: Invariants;
  readonly module: WebAssembly.Module;
  readonly hash: HashFactory;
  readonly ports: PortDelays;
  /** Clocks run by up to this share too fast or too slow. */
  readonly clockSkew: number;
  /** How far the wall clock of a machine is off now: it jumps. */
  readonly wallOffsetMs: (id: NodeId) => number;
  readonly diskLatencyMs: { readonly min: number; readonly max: number };
  readonly electionTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly snapshotEntries: number;
  readonly segmentBytes: number;
  /** What plain sessions are promised; both levels must keep it with the clocks that a profile draws. */
  readonly dqliteReads: 'linearizable' | 'lease';
  readonly trace: TraceHash;
  log(level: LogLevel, host: string, message: string): void;
  /** For who reads the trace. */
  note(host: string, text: string): void;
  /** A broken invariant anywhere ends the run. */
  failed(error: unknown): void;
}

/** A call to the disk that is to fail: when `left` others were made, or the first one that writes what `soonerAt` names. */
interface Trouble {
  left: number;
  readonly fault: DiskFault;
  readonly then: () => void;
  readonly soonerAt: RegExp | undefined;
}

/** One machine with its disk and, while it runs, a whole node. */
export class SimulatedProcess {
  readonly id: NodeId;
  readonly disk: SimulatedDisk;
  #address: string;
  readonly #environment: Environment;
  readonly #witness: Witness;
  #clock: ProcessClock | undefined;
  #node: Node | undefined;
  /** Highest index that a leader of this node's own term counted as stored here, when it crashed. */
  #counted: LogIndex = logIndex(0);
  /** Its disk is gone: it never starts again. */
  scrapped = false;
  /** Its disk was damaged or emptied: it may refuse to start, and says why. */
  damaged = false;
  /** How fast its clock runs. */
  readonly #clockRate: number;
  /** The disk call that is to fail, counted in calls from now on. */
  #trouble: Trouble | undefined;
  /** What is done when this life ends by a fault of the disk that was injected. */
  #excuse: (() => void) | undefined;

  constructor(environment: Environment, id: NodeId, address: string) {
    this.#environment = environment;
    this.id = id;
    this.#address = address;
    const { random, diskLatencyMs, trace, clockSkew } = environment;
    this.#clockRate = 1 + (random.float() * 2 - 1) * clockSkew;
    this.disk = new SimulatedDisk({
      random: new SeededRandom(random.uint32()),
      clock: this.#diskClock(),
      latencyMs: diskLatencyMs,
      path: `/disk-of-${id}`,
      fault: (call) => {
        trace.numbers(Number(id), call.number);
        trace.text(call.kind);
        return this.#faultOf(call);
      },
    });
    this.#witness = new Witness({
      id,
      disk: this.disk,
      invariants: environment.invariants,
      electionTimeoutMs: environment.electionTimeoutMs,
      now: () => environment.scheduler.now() * this.#clockRate,
      failed: (error) => environment.failed(error),
    });
  }

  /** A process that stands still does not hear of what its disk has done. */
  #diskClock(): Clock {
    const { scheduler, network } = this.#environment;
    return {
      now: () => scheduler.now(),
      wallMs: () => scheduler.wallMs(),
      after: (delayMs, run) =>
        scheduler.after(delayMs, () => {
          const wait = network.standstill(this.address);
          if (wait > 0) scheduler.after(wait, run);
          else run();
        }),
    };
  }

  get address(): string {
    return this.#address;
  }

  get node(): Node | undefined {
    return this.#node;
  }

  get running(): boolean {
    return this.#clock !== undefined;
  }

  /** Starts a node on the disk as it is. Resolves when it serves, or when it was killed meanwhile. */
  async start(mode: 'bootstrap' | 'wait' | 'resume'): Promise<void> {
    if (this.scrapped) return;
    const environment = this.#environment;
    const clock = new ProcessClock(environment.scheduler, this.#clockRate, () =>
      environment.wallOffsetMs(this.id),
    );
    this.#clock = clock;
    environment.note(this.address, `node ${this.id} starts (${mode})`);
    try {
      if (mode !== 'resume') this.#witness.restarts(undefined);
      const node = await this.#assemble(clock, mode);
      if (!clock.alive) return;
      this.#node = node;
    } catch (error) {
      if (clock.alive) this.#ended(error);
    }
  }

  /** This life ended by itself: that is a defect, unless a fault explains it. */
  #ended(error: unknown): void {
    const excuse = this.#excuse;
    // Only what a failed call explains: a broken assertion after it is a defect like any other.
    if (excuse !== undefined && String(error).includes('the disk failed')) {
      this.stop(false);
      excuse();
    } else if (this.damaged && error instanceof QuorateError && DAMAGE.has(error.code)) {
      this.#environment.log('info', this.address, `refuses to start: ${error.message}`);
      this.stop(false);
    } else this.#environment.failed(error);
  }

  /** One of the next disk calls goes wrong; `then` is called when the process has died of it. */
  failCall(calls: number, fault: DiskFault, then: () => void, soonerAt?: RegExp): void {
    this.#trouble = { left: calls, fault, then, soonerAt };
  }

  get doomed(): boolean {
    return this.#trouble !== undefined;
  }

  /** No call goes wrong any more. */
  disarm(): void {
    this.#trouble = undefined;
  }

  #faultOf(call: DiskCall): DiskFault | undefined {
    const trouble = this.#trouble;
    if (trouble === undefined) return undefined;
    const sooner = call.kind === 'write-durable' && trouble.soonerAt?.test(call.name) === true;
    if (trouble.left-- > 0 && !sooner) return undefined;
    this.#trouble = undefined;
    this.#excuse = trouble.then;
    const { kind } = trouble.fault;
    if (kind === 'crash-before' || kind === 'crash-after' || kind === 'kill-after') {
      this.#environment.scheduler.after(0, () => {
        if (this.#excuse !== trouble.then) return;
        this.stop(kind !== 'kill-after');
        trouble.then();
      });
    }
    return trouble.fault;
  }

  /** Another disk without anything on it, and the same id: as after a repair by somebody who did not know better. */
  async startEmpty(): Promise<void> {
    this.damaged = true;
    for (const name of this.disk.names()) this.disk.erase(name);
    this.#witness.forgets();
    this.#counted = logIndex(0);
    await this.start('wait');
  }

  /** kill -9, or with `power` the loss of whatever was not synced. */
  stop(power: boolean): void {
    // Another machine may have its address by now.
    if (this.scrapped) return;
    this.#clock?.kill();
    this.#clock = undefined;
    this.#node = undefined;
    this.#trouble = undefined;
    this.#excuse = undefined;
    this.#environment.network.kill(this.address, !power);
    this.#environment.network.pause(this.address, 0);
    if (power) this.disk.crash();
    else this.disk.kill();
  }

  /** The machine gets another address and keeps its disk. It does not run meanwhile. */
  move(address: string): void {
    assert(!this.running, 'a machine that runs does not move');
    this.#address = address;
  }

  /** The process stands still until then, as after SIGSTOP. */
  pause(untilMs: number): void {
    this.#clock?.pause(untilMs);
    this.#environment.network.pause(this.address, untilMs);
  }

  /** A leader of this node's term has counted so much as stored here. */
  counted(index: LogIndex): void {
    this.#counted = index;
  }

  #checkRecovered(recovered: Recovered): void {
    const { invariants } = this.#environment;
    invariants.durable(this.id, this.#counted, recovered);
    if (!this.damaged) invariants.undoubted(this.id, recovered);
    this.#witness.restarts(recovered);
    this.#counted = logIndex(0);
  }

  async #assemble(clock: ProcessClock, mode: 'bootstrap' | 'wait' | 'resume'): Promise<Node> {
    const { module, random, ports, network, hash } = this.#environment;
    const own = new SeededRandom(random.uint32());
    const log = (level: LogLevel, message: string): void => {
      if (clock.alive) this.#environment.log(level, this.address, message);
    };
    const [machineEnd, nodeEnd] = simulatedPorts<FromMachine, ToMachine>(clock, own, ports);
    const [readerEnd, readerPort] = simulatedPorts<FromReader, ToReader>(clock, own, ports);
    // Half of the processes have a reader on the thread of the node.
    const [briefEnd, briefPort] = simulatedPorts<FromReader, ToReader>(clock, own, ports);
    const hasBrief = own.uint32() % 2 === 0;
    const machine = new Machine({ port: machineEnd, module, clock, random: own });
    new Reader({ port: readerEnd, module, clock, random: own, directory: machine.directory });
    const brief = { port: briefEnd, directory: machine.directory, brief: true };
    if (hasBrief) new Reader({ ...brief, module, clock, random: own });
    const node = await Node.start({
      id: this.id,
      address: this.address,
      disk: this.disk.mount(),
      network: network.at(this.address),
      clock,
      random: own,
      logger: log,
      machine: this.#watched(nodeEnd),
      readers: [readerPort],
      briefReader: hasBrief ? briefPort : undefined,
      electionTimeoutMs: this.#environment.electionTimeoutMs,
      heartbeatMs: this.#environment.heartbeatMs,
      start: mode,
      snapshot: { entries: this.#environment.snapshotEntries, trailing: 32 },
      segmentBytes: this.#environment.segmentBytes,
      // So little that members that lag are sent what was read again from the disk.
      limits: { logMemoryBytes: this.#environment.segmentBytes },
      watch: this.#watch(clock, mode),
    });
    node.on((event) => {
      if (!clock.alive) return;
      if (event.kind === 'role' && event.role === 'leader') {
        this.#guard(() => this.#environment.invariants.leads(this.id, event.term));
      } else if (event.kind === 'stopped') {
        this.#ended(new Error(`node ${this.id} stopped: ${event.reason}`));
      }
    });
    const server = new Server({
      services: watchedServices(node, () => this.#arrives(clock)),
      hash,
      limits: LIMITS,
      dqliteReads: this.#environment.dqliteReads,
      logger: log,
      clock,
      acceptRaft: (connection, id, address, rest) => node.acceptRaft(connection, id, address, rest),
    });
    if (clock.alive) await server.listen(network.at(this.address), this.address);
    return node;
  }

  /** A request arrives that some leader must vouch for (N4). */
  #arrives(clock: ProcessClock): () => void {
    const { invariants } = this.#environment;
    const moment = invariants.answers.now();
    return () => {
      if (clock.alive) this.#guard(() => invariants.answered(this.id, moment));
    };
  }

  /** What a dead process still computes, from promises that were under way, is nobody's business. */
  #watch(clock: ProcessClock, mode: 'bootstrap' | 'wait' | 'resume'): ConsensusWatch {
    const witness = this.#witness;
    return {
      recovered: (recovered) => {
        if (clock.alive && mode === 'resume') this.#checkRecovered(recovered);
      },
      stepped: (input, output, raft) => {
        if (clock.alive) witness.stepped(input, output, raft);
      },
      sends: (envelopes, raft) => {
        if (clock.alive) witness.sends(envelopes, raft);
      },
    };
  }

  /** The node's port to its machine, with an eye on what is applied. */
  #watched(port: Port<ToMachine, FromMachine>): Port<ToMachine, FromMachine> {
    const seals = new Map<string, Uint8Array>();
    const key = (seal: { epoch: number; database: string; sequence: number }): string =>
      `${seal.epoch}/${seal.database}/${seal.sequence}`;
    const { invariants } = this.#environment;
    /** Snapshots that are being taken: what was read of them. */
    const cuts = new Map<number, { index: LogIndex; readonly chunks: Uint8Array[] }>();
    return {
      post: (message, transfer) => {
        if (message.kind === 'cut') cuts.set(message.id, { index: logIndex(0), chunks: [] });
        else if (message.kind === 'release-cut') cuts.delete(message.id);
        else if (message.kind === 'apply') {
          this.#guard(() => invariants.applies(this.id, message.index, message.command));
        } else if (message.kind === 'publish') {
          const command = must(seals.get(key(message)), 'published what was not sealed');
          seals.delete(key(message));
          this.#guard(() => invariants.applies(this.id, message.index, command));
        }
        port.post(message, transfer);
      },
      onMessage: (handler) =>
        port.onMessage((message) => {
          if (message.kind === 'seal') seals.set(key(message), message.command);
          else if (message.kind === 'cut') {
            const cut = cuts.get(message.id);
            if (cut !== undefined) cut.index = message.index;
          } else if (message.kind === 'cut-chunk') {
            const cut = cuts.get(message.id);
            if (message.error === undefined) cut?.chunks.push(message.bytes.slice());
            else cuts.delete(message.id);
            if (cut !== undefined && message.last && message.error === undefined) {
              this.#guard(() => invariants.snapshot(this.id, cut.index, cut.chunks));
            }
          }
          handler(message);
        }),
      drain: () => port.drain(),
      close: () => port.close(),
    };
  }

  #guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#environment.failed(error);
      throw error;
    }
  }
}
