import type { NodeId } from '../base/index.ts';
import { type Environment, SimulatedProcess } from './process.ts';

/** The machines of a run: one process at each address, perhaps a newer one with another id and an empty disk. */
export class Fleet {
  readonly addresses: readonly string[];
  readonly #environment: Environment;
  readonly #processes: SimulatedProcess[] = [];
  #lastId = 0n;

  constructor(environment: Environment, size: number) {
    this.#environment = environment;
    this.addresses = Array.from({ length: size }, (_, i) => `node-${i + 1}:9000`);
  }

  /** Those that exist, running or not. */
  get processes(): readonly SimulatedProcess[] {
    return this.#processes;
  }

  get leader(): SimulatedProcess | undefined {
    return this.#processes.find(({ node }) => node?.isLeader() === true);
  }

  find(id: NodeId): SimulatedProcess | undefined {
    return this.#processes.find((member) => member.id === id);
  }

  /** A machine with an empty disk and an id that was never used, at an address where there is none. */
  create(address: string): SimulatedProcess {
    const member = new SimulatedProcess(this.#environment, ++this.#lastId, address);
    this.#processes.push(member);
    return member;
  }

  /** The machine is scrapped, disk and all. */
  scrap(member: SimulatedProcess): void {
    member.stop(false);
    member.scrapped = true;
    this.#processes.splice(this.#processes.indexOf(member), 1);
  }

  /** Addresses at which there is no machine. */
  vacant(): string[] {
    return this.addresses.filter((address) => !this.#processes.some((p) => p.address === address));
  }
}
