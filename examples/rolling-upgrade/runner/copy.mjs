import { fork } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const SERVICE = fileURLToPath(new URL('../service.mjs', import.meta.url));

/** One copy of the service as the runner and the load balancer see it: a directory, two addresses, and a process of some release. */
export class Copy {
  /** The load balancer sends requests here. */
  up = false;
  state = 'not started';
  release = '';
  /** Identifier of the node, which is what operators name. */
  id = '';
  #child;
  #told = [];
  #listeners = new Set();
  #options;

  /** @param {{ name: string, dir: string, address: string, port: number, join: string[], onEvent: (copy: Copy, event: any) => void, threads: boolean }} options */
  constructor(options) {
    this.#options = options;
  }

  get name() {
    return this.#options.name;
  }

  get address() {
    return this.#options.address;
  }

  get url() {
    return `http://127.0.0.1:${this.#options.port}`;
  }

  /** Resolves when it serves; throws what it says when it is refused. */
  async start(version) {
    const { dir, address, port, join, threads } = this.#options;
    this.state = 'starting';
    this.release = version;
    this.#told = [];
    const child = fork(SERVICE, [version, dir, address, String(port), ...join], {
      env: { ...process.env, EXAMPLE_THREADS: threads ? '1' : '0' },
    });
    this.#child = child;
    child.on('message', (event) => this.#hear(event));
    child.on('exit', (code) => this.#hear({ kind: 'exit', text: `exit code ${code}` }));
    const event = await this.#heard('ready', 'turned away', 'exit');
    if (event.kind !== 'ready') {
      if (event.kind === 'turned away') await this.#heard('exit');
      this.state = event.kind === 'turned away' ? 'refused' : 'ended';
      throw new Error(event.text);
    }
    this.id = event.id;
    this.state = 'serving';
    this.up = true;
  }

  /** As a rolling deployment does: first out of the balancer, then the process in order. */
  async stop() {
    this.up = false;
    this.state = 'stopping';
    this.#child?.send('stop');
    await this.#heard('exit');
    this.state = 'stopped';
  }

  /** Its machine goes away, without a word to anybody. */
  async lose() {
    this.up = false;
    this.#child?.send('hand-over');
    await this.#heard('follows');
    await this.kill();
    this.state = 'GONE';
  }

  /** Ends the process, if there is one. */
  async kill() {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  #hear(event) {
    this.#told.push(event);
    this.#options.onEvent(this, event);
    for (const listener of [...this.#listeners]) listener();
  }

  /** The first event of one of these kinds since the start, now or later. */
  #heard(...kinds) {
    return new Promise((resolve) => {
      const look = () => {
        const event = this.#told.find(({ kind }) => kinds.includes(kind));
        if (event === undefined) return;
        this.#listeners.delete(look);
        resolve(event);
      };
      this.#listeners.add(look);
      look();
    });
  }
}
