import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../base/index.ts';
import { openDisk } from './disk.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'quorate-disk-'));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

async function content(path: string, name: string): Promise<string> {
  const disk = await openDisk(path);
  const file = await disk.open(name, 'read');
  const buffer = new Uint8Array(1024);
  const count = await file.read(0, buffer);
  await file.close();
  return new TextDecoder().decode(buffer.subarray(0, count));
}

describe('openDisk', () => {
  it('creates the directory with its parents, for the owner only', async () => {
    const path = join(root, 'a', 'b');
    await openDisk(path);
    const info = await stat(path);
    expect(info.isDirectory()).toBe(true);
    if (process.platform !== 'win32') expect(info.mode & 0o777).toBe(0o700);
  });

  // Node's own recursive mkdir never comes back from there.
  it.runIf(process.platform === 'linux')('says so where no directory can be made', async () => {
    await expect(openDisk('/proc/quorate/node/1')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('reports the code of the operating system', async () => {
    await writeFile(join(root, 'file'), 'x');
    await expect(openDisk(join(root, 'file'))).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(openDisk(join(root, 'file', 'below'))).rejects.toMatchObject({ code: 'ENOTDIR' });
    const disk = await openDisk(root);
    await expect(disk.open('missing', 'read')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(disk.open('file', 'create')).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(disk.rename('missing', 'other')).rejects.toMatchObject({ code: 'ENOENT' });
    await disk.remove('missing');
  });
});

describe('files', () => {
  it('writes chunks one after another, durable or not, and reads them back', async () => {
    const disk = await openDisk(root);
    const file = await disk.open('data', 'create');
    await file.write(0, [utf8('hello '), new Uint8Array(0), utf8('world')]);
    await file.writeDurable(6, [utf8('W'), utf8('ORLD')]);
    await file.sync();
    await file.close();
    expect(await content(root, 'data')).toBe('hello WORLD');
    if (process.platform !== 'win32') {
      expect((await stat(join(root, 'data'))).mode & 0o777).toBe(0o600);
    }
  });

  it('takes more chunks than one system call can', async () => {
    const disk = await openDisk(root);
    const file = await disk.open('data', 'create');
    const chunks = Array.from({ length: 5000 }, (_, index) => Uint8Array.of(index & 255));
    await file.writeDurable(0, chunks);
    const buffer = new Uint8Array(6000);
    expect(await file.read(0, buffer)).toBe(5000);
    expect(buffer[4999]).toBe(4999 & 255);
    await file.close();
  });

  it('runs the operations of one file in the order of the calls', async () => {
    const disk = await openDisk(root);
    const file = await disk.open('data', 'create');
    await Promise.all([
      file.allocate(700_000),
      file.write(0, [utf8('first')]),
      file.writeDurable(0, [utf8('SECOND')]),
      file.truncate(7),
      file.close(),
    ]);
    expect(await content(root, 'data')).toBe('SECOND\0');
    await expect(file.sync()).rejects.toMatchObject({ code: 'EBADF' });
  });

  it('allocates zeroes', async () => {
    const disk = await openDisk(root);
    const file = await disk.open('open-1', 'create');
    await file.allocate(300_000);
    await file.close();
    expect(await disk.list()).toEqual([{ name: 'open-1', sizeBytes: 300_000 }]);
  });

  it('renames, removes and syncs the directory', async () => {
    const disk = await openDisk(root);
    await (await disk.open('a', 'create')).close();
    await (await disk.open('b', 'create')).close();
    await disk.rename('a', 'b');
    await disk.remove('b');
    await disk.syncDirectory();
    expect(await disk.list()).toEqual([]);
  });
});

describe('lock', () => {
  it('is exclusive until it is released', async () => {
    const disk = await openDisk(root);
    const other = await openDisk(root);
    const held = await disk.lock();
    await expect(other.lock()).rejects.toMatchObject({ code: 'ELOCKED' });
    await held.release();
    await (await other.lock()).release();
  });

  it('falls back to a socket when there is no flock program, and says so', async () => {
    if (process.platform !== 'linux') return;
    const path = process.env.PATH;
    process.env.PATH = '/nonexistent';
    try {
      const heard: string[] = [];
      const disk = await openDisk(root, { log: (_level, message) => heard.push(message) });
      const held = await disk.lock();
      expect(heard.join()).toMatch(/flock/);
      await expect(disk.lock()).rejects.toMatchObject({ code: 'ELOCKED' });
      await held.release();
      await (await disk.lock()).release();
    } finally {
      process.env.PATH = path;
    }
  });
});
