import { QuorateError } from '../../base/index.ts';
import type { Client } from '../../client/index.ts';
import type { Fleet } from '../fleet.ts';
import type { Machine } from '../machine.ts';
import { FREE, type LinkRule } from '../relay.ts';
import { eventually } from '../waiting.ts';

export const DATABASE = 'directed';
const LIMIT_MS = 60_000;
const CUT: LinkRule = { ...FREE, cut: true };

/** What a directed case plays on: three voters, a writer that reaches all of them, and what was found. */
export class Scene {
  readonly fleet: Fleet;
  readonly note: (text: string) => void;
  readonly findings: string[] = [];
  readonly #writer: Client;

  constructor(fleet: Fleet, note: (text: string) => void) {
    this.fleet = fleet;
    this.note = note;
    this.#writer = fleet.client('writer').client;
  }

  /** A finding unless it holds. */
  expect(holds: boolean, text: string): void {
    if (!holds) this.findings.push(text);
  }

  /** The leader, when there is one. */
  async leader(): Promise<Machine> {
    let found: Machine | undefined;
    await eventually('a leader', LIMIT_MS, async () => {
      found = await this.fleet.leader();
      return found !== undefined;
    });
    if (found === undefined) throw new Error('there is no leader');
    return found;
  }

  others(than: Machine): Machine[] {
    return this.fleet.machines.filter((machine) => machine !== than);
  }

  /** Cuts a machine off from its peers; clients still reach it. */
  isolate(machine: Machine, direction: 'both' | 'deaf' | 'mute' = 'both'): void {
    for (const { name } of this.others(machine)) {
      if (direction !== 'mute') this.fleet.links.set(name, machine.name, CUT);
      if (direction !== 'deaf') this.fleet.links.set(machine.name, name, CUT);
    }
  }

  /** A client that reaches this machine alone. */
  clientOf(machine: Machine, name: string): Client {
    for (const other of this.others(machine)) this.fleet.links.setBoth(name, other.name, CUT);
    return this.fleet.client(name).client;
  }

  /** Executes until it is acknowledged; only for statements that may run twice. */
  async persist(sql: string, timeoutMs = 5_000): Promise<void> {
    const database = this.#writer.database(DATABASE);
    await eventually(sql, LIMIT_MS, async () => {
      await database.execute(sql, [], { timeoutMs });
      return true;
    });
  }

  /** All values of the first column, read until it succeeds. */
  async column(sql: string): Promise<unknown[]> {
    const database = this.#writer.database(DATABASE);
    let values: unknown[] = [];
    await eventually(sql, LIMIT_MS, async () => {
      const result = await database.execute(sql, [], { timeoutMs: 5_000 });
      values = result.rows.map((row) => row[0]);
      return true;
    });
    return values;
  }
}

/** Runs something that may be refused; errors that are no QuorateError are defects. */
export async function attempted<T>(run: () => Promise<T>): Promise<T | QuorateError> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof QuorateError) return error;
    throw error;
  }
}

/** A directed case: plays, and leaves its findings in the scene. */
export interface DirectedCase {
  readonly name: string;
  readonly summary: string;
  run(scene: Scene): Promise<void>;
}
