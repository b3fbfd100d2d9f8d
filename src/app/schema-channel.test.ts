import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, test } from 'vitest';
import { QuorateError } from '../base/index.ts';
import { publishSchemaEvent, warnOfListener } from './schema-channel.ts';

test('events of schemas are published with their database while somebody listens', () => {
  const heard: unknown[] = [];
  const listen = (message: unknown): void => void heard.push(message);
  const event = { kind: 'serving', namespace: 'app', version: 1 } as const;
  publishSchemaEvent('app.db', event);
  subscribe('quorate:schema', listen);
  publishSchemaEvent('app.db', event);
  unsubscribe('quorate:schema', listen);
  publishSchemaEvent('app.db', event);
  expect(heard).toEqual([{ database: 'app.db', event }]);
});

test('what a listener throws is a warning of the process', async () => {
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
  const cause = new Error('its own problem');
  warnOfListener(new QuorateError('HOOK_FAILED', 'listener of serving', { cause }));
  expect(await warned).toMatchObject({ code: 'HOOK_FAILED', message: 'listener of serving' });
});
