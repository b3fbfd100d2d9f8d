import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { main } from './main.ts';

/* The command line without a cluster: help, versions, wrong use. */

let stdout = '';
let stderr = '';

beforeEach(() => {
  vi.spyOn(console, 'log').mockImplementation((text) => {
    stdout += `${text}\n`;
  });
  vi.spyOn(console, 'error').mockImplementation((text) => {
    stderr += `${text}\n`;
  });
});

afterEach(() => vi.restoreAllMocks());

async function quorate(args: readonly string[]) {
  stdout = '';
  stderr = '';
  const code = await main(args);
  return { code, stdout, stderr };
}

const START = ['start', '--dir', '/nonexistent/quorate', '--address'] as const;

describe('help and version', () => {
  test('--version prints the version of the package', async () => {
    expect(await quorate(['--version'])).toEqual({
      code: 0,
      stdout: `${packageJson.version}\n`,
      stderr: '',
    });
  });

  test('--help lists every command; each explains itself in both ways', async () => {
    const program = await quorate(['--help']);
    expect(program.code).toBe(0);
    for (const name of ['start', 'shell', 'cluster', 'migrate']) {
      expect(program.stdout).toContain(`\n  ${name} `);
      const help = await quorate([name, '--help']);
      expect(help).toMatchObject({ code: 0, stderr: '' });
      expect(help.stdout).toMatch(new RegExp(`^usage: quorate ${name} `));
      expect(help.stdout).toContain('examples:');
      expect(await quorate(['help', name])).toEqual(help);
    }
  });

  test('a group lists its commands, and each of them explains itself', async () => {
    const group = await quorate(['migrate', '--help']);
    expect(group).toMatchObject({ code: 0, stderr: '' });
    expect(await quorate(['help', 'migrate'])).toEqual(group);
    const names = [...group.stdout.matchAll(/^ {2}([a-z-]+) {2}/gm)].map(([, name]) =>
      String(name),
    );
    expect(names).toEqual(expect.arrayContaining(['status', 'hold', 'exclude']));
    for (const name of names) {
      const help = await quorate(['migrate', name, '--help']);
      expect(help).toMatchObject({ code: 0, stderr: '' });
      expect(help.stdout).toMatch(new RegExp(`^usage: quorate migrate ${name}[ \n]`));
      expect(await quorate(['help', 'migrate', name])).toEqual(help);
    }
  });

  test('no command at all prints the help and fails', async () => {
    const { code, stdout, stderr } = await quorate([]);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('usage: quorate COMMAND');
  });
});

describe('wrong use ends with 2, says what is wrong, prints the usage', () => {
  test.each<[readonly string[], string]>([
    [['frobnicate'], 'there is no command "frobnicate"'],
    [['help', 'frobnicate'], 'there is no command "frobnicate"'],
    [['start', '--frobnicate'], "Unknown option '--frobnicate'"],
    [['start', '--dir'], "'--dir <value>' argument missing"],
    [['start'], '--dir is required'],
    [['start', '--dir', 'd'], '--address is required'],
    [['start', '--dir', '', '--address', '127.0.0.1:1'], '--dir is required'],
    [[...START, 'foo'], '--address must be HOST:PORT'],
    [[...START, '127.0.0.1'], '--address must be HOST:PORT'],
    [[...START, '127.0.0.1:0'], '--address must be HOST:PORT'],
    [[...START, '127.0.0.1:65536'], '--address must be HOST:PORT'],
    [[...START, '127.0.0.1:1e3'], '--address must be HOST:PORT'],
    [[...START, ':9001'], '--address must be HOST:PORT'],
    [[...START, '::1:9001'], '--address must be HOST:PORT'],
    [[...START, 'a b:9001'], '--address must be HOST:PORT'],
    [[...START, '127.0.0.1:9001', '--bind', 'x'], '--bind must be HOST:PORT'],
    [[...START, '127.0.0.1:9001', '--join', '127.0.0.1:9002,'], '--join must be HOST:PORT'],
    [[...START, '127.0.0.1:9001', '--id', '0'], '--id must be a number'],
    [[...START, '127.0.0.1:9001', '--id=-1'], '--id must be a number'],
    [[...START, '127.0.0.1:9001', '--id', '18446744073709551616'], '--id must be a number'],
    [[...START, '127.0.0.1:9001', '--id', '1.5'], '--id must be a number'],
    [[...START, '127.0.0.1:9001', '--readers', '0'], '--readers must be a whole number'],
    [[...START, '127.0.0.1:9001', '--dqlite-reads', 'local'], '--dqlite-reads must be one of'],
    [[...START, '127.0.0.1:9001', '--heartbeat', 'x'], '--heartbeat must be a whole number'],
    [[...START, '127.0.0.1:9001', '--heartbeat', ''], '--heartbeat must be a whole number'],
    [[...START, '127.0.0.1:9001', '--start', 'now'], '--start must be one of'],
    [[...START, '127.0.0.1:9001', '--start', 'wait'], '--start wait needs --id'],
    [[...START, '127.0.0.1:9001', '--roles', 'x'], '--roles must be one of'],
    [[...START, '127.0.0.1:9001', '--threads', 'x'], '--threads must be one of'],
    [[...START, '127.0.0.1:9001', '--log-level', 'x'], '--log-level must be one of'],
    [[...START, '127.0.0.1:9001', '--log-format', 'x'], '--log-format must be one of'],
    [[...START, '127.0.0.1:9001', 'more'], 'unexpected "more"'],
    [
      [...START, '127.0.0.1:9001', '--election-timeout', '100', '--heartbeat', '90'],
      'at least twice the heartbeat',
    ],
    [['shell'], '--servers is required'],
    [['shell', '-s', '127.0.0.1:9001'], 'name the database'],
    [['shell', '-s', 'x', 'app'], '--servers must be HOST:PORT'],
    [['shell', '-s', '127.0.0.1:9001', '-m', 'xml', 'app'], 'mode must be one of'],
    [['shell', '-s', '127.0.0.1:9001', '--timeout', '0', 'app'], '--timeout must be'],
    [['cluster', '-s', '127.0.0.1:9001'], 'say what to do'],
    [['cluster', 'toString', '-s', '127.0.0.1:9001'], 'say what to do'],
    [['cluster', 'add', '-s', '127.0.0.1:9001', '5'], 'cluster add needs ID HOST:PORT'],
    [['cluster', 'add', '-s', '127.0.0.1:9001', 'x', '127.0.0.1:9002'], 'ID must be a number'],
    [['cluster', 'remove', '-s', '127.0.0.1:9001'], 'name the member'],
    [['cluster', 'assign', '-s', '127.0.0.1:9001', '5', 'king'], 'the role must be'],
    [['migrate'], 'say what to do'],
    [['migrate', '-s', '127.0.0.1:9001'], 'say what to do'],
    [['migrate', 'frobnicate'], 'there is no "migrate frobnicate"'],
    [['migrate', '-d', 'status', 'toString'], 'there is no "migrate toString"'],
    [['migrate', 'status'], '--servers is required'],
    [['migrate', '-s', '127.0.0.1:9001', 'status'], '--database is required'],
    [['migrate', 'status', 'more', '-s', '127.0.0.1:9001'], 'one word too many'],
    [['migrate', 'hold', '--local'], "Unknown option '--local'"],
    [['migrate', 'up', '-s', '127.0.0.1:9001', '-d', 'a'], '--migrations is required'],
    [['migrate', 'up', '-m', 'm', '--phase', 'contract'], '--phase must be expand or all'],
    [['migrate', 'up', '-m', 'm', '--timeout', '0'], '--timeout must be a whole number'],
    [['migrate', 'up', '-m', 'm', '--format', 'x'], '--format must be one of'],
    [['migrate', 'wait', '--to', '1', '--ready'], 'exclude each other'],
    [['migrate', 'wait', '--ready', '-d', 'a'], '--migrations is required'],
    [['migrate', 'wait', '--finalized', '-d', 'a'], '--servers is required'],
    [['migrate', 'preflight', '-d', 'a'], '--migrations is required'],
    [['migrate', 'verify', '-s', '127.0.0.1:9001'], '--database is required'],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await quorate(args);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/usage: quorate|see quorate --help/);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });

  test('listening off loopback is refused without --insecure', async () => {
    for (const bind of ['0.0.0.0:9001', '[::]:9001', '192.168.1.1:9001']) {
      const { code, stderr } = await quorate([...START, '127.0.0.1:9001', '--bind', bind]);
      expect(code).toBe(1);
      expect(stderr).toContain('quorate: INSECURE: ');
      expect(stderr).toContain('--insecure');
    }
  });
});
