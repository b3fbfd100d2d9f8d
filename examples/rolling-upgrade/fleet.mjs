// Three copies of the service as processes on this machine, and the load balancer's list of those that are up.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SERVICE = fileURLToPath(new URL('./service.mjs', import.meta.url));

async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

export class Fleet {
  #directory = mkdtempSync(join(tmpdir(), 'quorate-rolling-upgrade-'));
  copies = [];

  static async create(count, onEvent) {
    const fleet = new Fleet();
    const ports = await freePorts(count * 2);
    for (let i = 0; i < count; i++) {
      const dir = join(fleet.#directory, `copy-${i + 1}`);
      mkdirSync(dir);
      fleet.copies.push({
        name: `copy ${i + 1}`,
        dir,
        address: `127.0.0.1:${ports[i]}`,
        http: ports[count + i],
        member: i === 0 ? undefined : `127.0.0.1:${ports[0]}`,
        version: '',
        up: false,
        process: undefined,
        onEvent,
      });
    }
    return fleet;
  }

  get up() {
    return this.copies.filter(({ up }) => up);
  }

  get addresses() {
    return this.copies.map(({ address }) => address);
  }

  /** Starts a copy with a release; resolves when it serves, and puts it behind the balancer. */
  async start(copy, version) {
    const { dir, address, http, member } = copy;
    const more = member === undefined ? [] : [member];
    const child = fork(SERVICE, [version, dir, address, String(http), ...more], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    copy.process = child;
    copy.version = version;
    child.on('message', (message) => copy.onEvent(copy, message));
    const serves = new Promise((resolve, reject) => {
      child.on('message', ({ event }) => event === 'serves' && resolve());
      child.on('exit', (code) => reject(new Error(`${copy.name} ended with ${code}`)));
    });
    await serves;
    copy.up = true;
  }

  /** Takes a copy from behind the balancer, lets it finish, and waits for its end. */
  async stop(copy) {
    copy.up = false;
    const child = copy.process;
    if (child === undefined || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }

  async close() {
    for (const copy of this.copies) {
      copy.up = false;
      const child = copy.process;
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.removeAllListeners('message');
      child.kill('SIGKILL');
      await ended;
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** What a copy says of itself. */
export async function health({ http }) {
  const response = await fetch(`http://127.0.0.1:${http}/health`, {
    signal: AbortSignal.timeout(1_000),
  });
  return response.json();
}
