import type { Network } from '../base/index.ts';
import type { PlainFate, PlainSession as WorkloadSession } from '../sim/index.ts';
import type { ClientResponse } from '../wire/index.ts';
import { NO_EFFECT } from './plain-pulse.ts';
import { NoAnswer, PlainSession } from './plain-session.ts';

const OPEN_MS = 1_000;

/** Plain dqlite for the workloads of the simulator. */
export class ForeignSession implements WorkloadSession {
  readonly #session: PlainSession;

  private constructor(session: PlainSession) {
    this.#session = session;
  }

  /** Undefined when the node cannot be reached, or does not open the database. */
  static async open(
    network: Pick<Network, 'dial'>,
    address: string,
    database: string,
  ): Promise<ForeignSession | undefined> {
    let session: PlainSession | undefined;
    try {
      session = await PlainSession.dial(network, address, OPEN_MS);
      await session.open(database, OPEN_MS);
      return new ForeignSession(session);
    } catch {
      session?.close();
      return undefined;
    }
  }

  async execute(sql: string, limitMs: number): Promise<PlainFate> {
    const answer = await orNothing(this.#session.execute(sql, limitMs));
    if (answer === undefined) return 'unknown';
    if (answer.type === 'result') return 'ok';
    if (answer.type !== 'failure') throw new Error(`an answer ${answer.type} to a write`);
    return hadNoEffect(answer) ? 'failed' : 'unknown';
  }

  async query(sql: string, limitMs: number): Promise<string | undefined> {
    const value = await orNothing(this.#session.value(sql, limitMs));
    return value === undefined ? undefined : String(value);
  }

  close(): void {
    this.#session.close();
  }
}

function hadNoEffect(answer: Extract<ClientResponse, { type: 'failure' }>): boolean {
  return NO_EFFECT.has(Number(answer.code));
}

async function orNothing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof NoAnswer) return undefined;
    throw error;
  }
}
