import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, describe, expect, test } from 'vitest';
import { eventually, freePort } from '../interop/processes.ts';
import { Program, quorate, startProgram } from './program.ts';

/* `quorate start` as an operator meets it: what it prints, how it ends, which directories it refuses. */

const root = mkdtempSync(join(tmpdir(), 'quorate-start-'));
let directories = 0;

function newDirectory(): string {
  directories++;
  return join(root, String(directories));
}

/** Starts on a directory and a free port; it must end by itself. */
async function refused(directory: string, extra: readonly string[] = [], address?: string) {
  const at = address ?? `127.0.0.1:${await freePort()}`;
  const finished = await quorate(['start', '--dir', directory, '--address', at, ...extra]);
  expect(finished.stdout).toBe('');
  expect(finished.code).toBe(1);
  // Nothing but the message: no stack.
  expect(finished.stderr).not.toMatch(/^\s+at /m);
  return finished.stderr;
}

function contents(directory: string): Map<string, string> {
  return new Map(
    readdirSync(directory)
      .sort()
      .map((name) => [name, readFileSync(join(directory, name)).toString('base64')]),
  );
}

afterAll(async () => {
  await Program.killAll();
  rmSync(root, { recursive: true, force: true });
});

describe('a node in the foreground', () => {
  test('one line on standard output, JSON on standard error, SIGTERM ends it with 0', async () => {
    const directory = newDirectory();
    const { program, address } = await startProgram(directory, [
      '--log-format',
      'json',
      '--log-level',
      'debug',
      '--id',
      '7',
    ]);
    await eventually('a leader', async () => {
      const { stdout } = await quorate(['cluster', 'list', '-s', address]);
      return stdout.includes('yes') ? true : undefined;
    });
    const { code, stdout, stderr } = await program.stop('SIGTERM');
    expect(stdout).toBe(`quorate: node 7 serves on ${address}\n`);
    expect(code).toBe(0);
    const lines = stderr.trim().split('\n');
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) {
      expect(JSON.parse(line)).toMatchObject({
        time: expect.any(String),
        level: expect.stringMatching(/^(debug|info|warn|error)$/),
        message: expect.any(String),
      });
    }
  });

  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s during the start ends it quickly',
    async (signal) => {
      for (const delayMs of [50, 250, 400, 500]) {
        const program = Program.quorate([
          'start',
          '--dir',
          newDirectory(),
          '--address',
          `127.0.0.1:${await freePort()}`,
        ]);
        await new Promise((resolve) => setTimeout(resolve, delayMs));
        const { code, stderr } = await program.stop(signal);
        expect(stderr).not.toMatch(/^\s+at /m);
        // Before our handler is there the signal itself ends the process: then the code is null.
        expect([0, 130, 143, null]).toContain(code);
      }
    },
  );

  test('bootstraps as id 1 with manual roles; another id waits until it is added', async () => {
    const first = await startProgram(newDirectory(), ['--id', '1', '--roles', 'manual']);
    const second = await startProgram(newDirectory(), ['--id', '2', '--roles', 'manual']);
    const cluster = (...args: string[]) =>
      quorate(['cluster', ...args, '-s', first.address, '--json']);
    expect(JSON.parse((await cluster('list')).stdout)).toMatchObject([{ id: '1', role: 'voter' }]);
    expect((await cluster('add', '2', second.address)).code).toBe(0);
    expect((await cluster('assign', second.address, 'voter')).code).toBe(0);
    expect(JSON.parse((await cluster('list')).stdout)).toMatchObject([
      { id: '1', role: 'voter', leader: true },
      { id: '2', role: 'voter', leader: false },
    ]);
    // The leader hands over on SIGTERM: the other one alone is no quorum, but both were there.
    expect((await cluster('transfer', '2')).code).toBe(0);
    expect((await second.program.stop('SIGTERM')).code).toBe(0);
    expect((await first.program.stop('SIGTERM')).code).toBe(0);
  });
});

describe('what it refuses to start on', () => {
  test('a directory in use, and an address in use', async () => {
    const directory = newDirectory();
    const { program, address } = await startProgram(directory);
    const locked = await refused(directory);
    expect(locked).toContain('DIRECTORY_LOCKED');
    expect(locked).toContain(directory);
    expect(locked).toMatch(/stop|end|another directory/i);
    const taken = await refused(newDirectory(), [], address);
    expect(taken).toContain('ADDRESS_IN_USE');
    expect(taken).toContain(address);
    await program.stop();
  });

  test('an address in use by another program leaves no half-made member behind', async () => {
    const blocker = createServer();
    const port = await freePort();
    await new Promise<void>((resolve) => blocker.listen(port, '127.0.0.1', () => resolve()));
    const directory = newDirectory();
    expect(await refused(directory, [], `127.0.0.1:${port}`)).toContain('ADDRESS_IN_USE');
    await new Promise((resolve) => blocker.close(resolve));
    const { program } = await startProgram(directory, [], `127.0.0.1:${port}`);
    expect((await program.stop()).code).toBe(0);
  });

  test('an address of another machine', async () => {
    expect(await refused(newDirectory(), ['--insecure'], '192.0.2.1:9001')).toContain(
      'CANNOT_LISTEN',
    );
    expect(await refused(newDirectory(), ['--insecure'], 'no-such-host.invalid:9001')).toContain(
      'CANNOT_LISTEN',
    );
  });

  test('a path that is a file, lies below a file, or cannot be written', async () => {
    const file = newDirectory();
    writeFileSync(file, 'not a directory');
    expect(await refused(file)).toContain('DIRECTORY_UNUSABLE');
    expect(await refused(join(file, 'below'))).toContain('DIRECTORY_UNUSABLE');
    expect(readFileSync(file, 'utf8')).toBe('not a directory');
    if (process.getuid?.() === 0) return;
    const closed = newDirectory();
    mkdirSync(closed);
    chmodSync(closed, 0o500);
    expect(await refused(closed)).toContain('DIRECTORY_UNUSABLE');
  });

  test('a directory of another node, by id and by address', async () => {
    const directory = newDirectory();
    const { program, address } = await startProgram(directory, ['--id', '5']);
    await program.stop();
    const before = contents(directory);
    const otherId = await refused(directory, ['--id', '6'], address);
    expect(otherId).toContain('DIRECTORY_OF_ANOTHER_NODE');
    expect(otherId).toMatch(/node 5, not 6/);
    const otherAddress = await refused(directory, ['--id', '5']);
    expect(otherAddress).toContain('DIRECTORY_OF_ANOTHER_NODE');
    expect(otherAddress).toContain(address);
    expect(contents(directory)).toEqual(before);
    const again = await startProgram(directory, ['--id', '5'], address);
    expect((await again.program.stop()).code).toBe(0);
  });

  test('files of a newer version, and a damaged identity', async () => {
    const directory = newDirectory();
    const { program, address } = await startProgram(directory);
    await program.stop();
    const newest = ['metadata1', 'metadata2'].filter((name) => existsSync(join(directory, name)));
    for (const name of newest) {
      const bytes = readFileSync(join(directory, name));
      bytes.writeBigUInt64LE(2n);
      writeFileSync(join(directory, name), bytes);
    }
    const before = contents(directory);
    const message = await refused(directory, [], address);
    expect(message).toContain('FORMAT_UNSUPPORTED');
    expect(message).toMatch(/metadata[12]/);
    expect(contents(directory)).toEqual(before);

    const damaged = newDirectory();
    mkdirSync(damaged);
    for (const text of ['Address: [', 'ID: x\n', '{}', '\0\0\0', 'ID: 1\nAddress: nowhere\n']) {
      writeFileSync(join(damaged, 'info.yaml'), text);
      expect(await refused(damaged, [], address)).toMatch(/IDENTITY_DAMAGED|OF_ANOTHER_NODE/);
      expect(readdirSync(damaged).sort()).toEqual(['dqlite-lock', 'info.yaml']);
    }
  });

  test('damage in the middle of the log: file and byte are named, nothing is changed', async () => {
    const directory = newDirectory();
    const started = await startProgram(directory, ['--id', '1']);
    const { address } = started;
    const sql = Array.from({ length: 20 }, (_, i) => `INSERT INTO t VALUES (${i});`).join('\n');
    const shell = await quorate(['shell', '-s', address, 'app'], `CREATE TABLE t(x);\n${sql}`);
    expect(shell).toMatchObject({ code: 0, stderr: '' });
    await started.program.stop();
    const segment = readdirSync(directory).find((name) => /^\d{16}-\d{16}$/.test(name)) ?? '';
    expect(segment).not.toBe('');
    const bytes = readFileSync(join(directory, segment));
    const middle = bytes.length >> 1;
    bytes[middle] = (bytes[middle] ?? 0) ^ 0xff;
    writeFileSync(join(directory, segment), bytes);
    const before = contents(directory);
    const message = await refused(directory, ['--id', '1'], address);
    expect(message).toContain('LOG_DAMAGED');
    expect(message).toContain(segment);
    expect(message).toMatch(/at byte \d+/);
    expect(contents(directory)).toEqual(before);
  });

  test('a copied directory is another directory: the original goes on', async () => {
    const directory = newDirectory();
    const first = await startProgram(directory);
    await first.program.stop();
    const copy = newDirectory();
    mkdirSync(copy);
    for (const name of readdirSync(directory))
      copyFileSync(join(directory, name), join(copy, name));
    const { program, address } = await startProgram(directory, [], first.address);
    expect(await refused(copy, [], address)).toContain('ADDRESS_IN_USE');
    expect((await program.stop()).code).toBe(0);
  });
});

test('a node that is restarted before it has joined finds its cluster again without --join', async () => {
  const first = `127.0.0.1:${await freePort()}`;
  const directory = newDirectory();
  const { program, address } = await startProgram(directory, ['--join', first]);
  await program.says('cannot join yet');
  await program.stop('SIGKILL');
  const again = await startProgram(directory, [], address);
  await startProgram(newDirectory(), [], first);
  await again.program.says('joined the cluster');
  expect((await again.program.stop()).code).toBe(0);
  expect(readFileSync(join(directory, 'cluster.yaml'), 'utf8')).toContain(first);
  // The file is only a help: without it the operator must say where the cluster is.
  writeFileSync(join(directory, 'join'), '');
  rmSync(join(directory, 'cluster.yaml'));
  const lost = await quorate(['start', '--dir', directory, '--address', address]);
  expect(lost.code).toBe(2);
  expect(lost.stderr).toContain('--join');
});
