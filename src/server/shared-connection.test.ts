import { expect, test } from 'vitest';
import { SessionHarness, settle } from '../../test/support/session-harness.ts';

/* Both protocols on one connection: a Dump leaves in parts, and nothing may stand between them. */

test('Dump is refused once the extension is spoken: what it sends could stand between the parts', async () => {
  const at = SessionHarness.extension();
  at.node.images.set('a', new Uint8Array(8192));
  at.send({ type: 'dump', name: 'a' });
  await settle();
  expect(at.plain()).toMatchObject([{ type: 'failure', code: 1 }]);
});

test('a message of the extension during a Dump ends the connection', async () => {
  const at = SessionHarness.open({}, '');
  at.node.images.set('a', new Uint8Array(8192));
  at.buffered = 1024 * 1024 - 1;
  at.send({ type: 'dump', name: 'a' });
  at.buffered = 0;
  at.session.drained();
  at.ask({ type: 'hello', version: 1 });
  expect(at.ended).toMatch(/during a Dump/);
});

test('after a Dump the extension may be spoken', async () => {
  const at = SessionHarness.open({}, '');
  at.node.images.set('a', new Uint8Array(8192));
  at.send({ type: 'dump', name: 'a' });
  await settle();
  at.ask({ type: 'hello', version: 1 });
  expect(at.take().map(({ type }) => type)).toEqual([9, 32, 40]);
});
