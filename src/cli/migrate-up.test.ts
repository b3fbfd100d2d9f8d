import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { CommandInput } from './command.ts';
import { upCommand } from './migrate-up.ts';

const MODULES = fileURLToPath(
  new URL('../../test/fixtures/migrations/kysely/migrations', import.meta.url),
);

test('up refuses a folder of modules before it connects, and says where to run it', async () => {
  // Nobody listens there: who connects first fails otherwise.
  const values = { migrations: MODULES, servers: '127.0.0.1:1', database: 'app', timeout: '1' };
  const input: CommandInput = { positionals: [], values };
  await expect(async () => upCommand.run(input)).rejects.toThrow(
    /2026_01_01_user is a module that wants a handle .* migrationsFromFolder\(directory, \{ handle \}\)/,
  );
});
