import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { Copy } from './copy.mjs';
import { Load } from './load.mjs';
import { Screen } from './screen.mjs';

const NOTEWORTHY = new Set(['committed', 'blocked', 'failed', 'stuck', 'fenced', 'turned away']);

/**
 * Three copies on this machine, the load and the screen; whatever ends the story, nothing of it is left. `pauses` are in seconds and
 * shorter with --short.
 */
export class Stage {
  /** @type {Copy[]} */
  copies = [];
  /** @type {Load | undefined} */
  load;
  screen = new Screen(this);
  short = process.argv.includes('--short');
  #root = mkdtempSync(join(tmpdir(), 'quorate-example-'));
  #told = new Set();

  static async play(story) {
    const stage = new Stage();
    const clean = () => stage.#clean();
    process.on('SIGINT', () => void clean().finally(() => process.exit(130)));
    process.on('SIGTERM', () => void clean().finally(() => process.exit(143)));
    try {
      await stage.#open();
      await story(stage);
      await stage.#close();
    } catch (error) {
      stage.screen.say(`the story ended early: ${error.stack}`);
      process.exitCode = 1;
    } finally {
      await clean();
    }
    process.exit();
  }

  say(text) {
    this.screen.say(`\n${text}`);
  }

  pause(seconds) {
    return new Promise((resolve) => setTimeout(resolve, seconds * (this.short ? 150 : 1000)));
  }

  /** Stops a copy in order and starts it as another release. */
  async upgrade(copy, version) {
    this.say(`${copy.name}: ${copy.release} -> ${version}`);
    await copy.stop();
    await copy.start(version);
    await this.pause(3);
  }

  /** What is left to apply, as a copy that serves sees it. */
  async status() {
    const copy = this.copies.find(({ up }) => up);
    const [status] = await (await fetch(`${copy?.url}/schema`)).json();
    return status;
  }

  /** Waits until the database says that something is so. */
  async until(what, reached) {
    const deadline = performance.now() + 30_000;
    while (!reached(await this.status())) {
      if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  async #open() {
    const ports = await freePorts(6);
    for (let i = 0; i < 3; i++) {
      const copy = new Copy({
        name: `c${i + 1}`,
        dir: join(this.#root, String(i + 1)),
        address: `127.0.0.1:${ports[i]}`,
        port: ports[3 + i],
        join: i === 0 ? [] : [`127.0.0.1:${ports[0]}`],
        threads: !this.short,
        onEvent: (of, event) => this.#hear(of, event),
      });
      this.copies.push(copy);
      await copy.start('v1');
    }
    this.say('three copies of v1 serve; the load begins');
    // In a test on a busy machine, wrong and refused requests count, not slow ones.
    const rate = this.short
      ? { perSecond: 15, deadlineMs: 10_000 }
      : { perSecond: 25, deadlineMs: 1000 };
    this.load = new Load(this.copies, rate);
    await this.pause(4);
  }

  async #close() {
    await this.pause(2);
    await this.load?.stop();
    this.screen.stop();
    const { requests = 0, failed = 0, slowestMs = 0, failures = [] } = this.load ?? {};
    console.log(
      `\n${requests} requests, ${failed} failed, the slowest took ${Math.round(slowestMs)} ms`,
    );
    for (const failure of failures) console.log(`  ${failure}`);
    if (failed > 0) process.exitCode = 1;
  }

  /** A copy repeats what blocks it; people want to read it once. */
  #hear(copy, { kind, name = '', text = '' }) {
    if (!NOTEWORTHY.has(kind)) return;
    const line = `  ${copy.name} (${copy.release}): ${kind} ${name}${text === '' ? '' : `\n      ${text}`}`;
    if (this.#told.has(line)) return;
    this.#told.add(line);
    this.screen.say(line);
  }

  async #clean() {
    this.screen.stop();
    await Promise.all(this.copies.map((copy) => copy.kill()));
    rmSync(this.#root, { recursive: true, force: true });
  }
}

/** Ports that are free now, all different: they are held until the last is known. */
async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
    }),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
