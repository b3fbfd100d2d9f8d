import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Figures } from './figures.ts';
import type { Answer, Order, Usage } from './load-order.ts';

/** A process of the bench that takes orders. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #failed: Promise<never>;

  private constructor(name: string, child: ChildProcess) {
    this.#name = name;
    this.#child = child;
    this.#failed = once(child, 'exit').then(([code, signal]) => {
      throw new Error(`${name} ended: ${signal ?? code}`);
    });
    this.#failed.catch(() => undefined);
  }

  /** Starts `program`, a file of this directory, and waits until it takes orders. */
  static async start(program: string, argument: string): Promise<WorkerProcess> {
    const file = fileURLToPath(new URL(program, import.meta.url));
    const child = fork(file, [argument], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const worker = new WorkerProcess(program, child);
    await worker.#next();
    return worker;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async #next(): Promise<Answer> {
    const answered = once(this.#child, 'message').then(([answer]): Answer => answer);
    const answer = await Promise.race([answered, this.#failed]);
    if (answer.answer === 'failed') throw new Error(`${this.#name}: ${answer.message}`);
    return answer;
  }

  /** One order at a time. Throws what became of the process. */
  async ask(order: Order): Promise<Answer> {
    this.#child.send(order);
    return await this.#next();
  }

  async load(order: Omit<Order & { readonly order: 'load' }, 'order'>): Promise<Figures> {
    const answer = await this.ask({ order: 'load', ...order });
    if (answer.answer !== 'figures') throw new Error('a load answers with figures');
    return answer.figures;
  }

  async usage(): Promise<Usage> {
    const answer = await this.ask({ order: 'usage' });
    if (answer.answer !== 'usage') throw new Error('no usage');
    return answer.usage;
  }

  async leads(): Promise<boolean> {
    const answer = await this.ask({ order: 'leads' });
    return answer.answer === 'leads' && answer.leads;
  }

  async version(): Promise<string> {
    const answer = await this.ask({ order: 'version' });
    return answer.answer === 'version' ? answer.version : '';
  }

  /** SIGKILL, and waits for the end. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}
