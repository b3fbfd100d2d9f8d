import { expect, test } from 'vitest';
import { QuorateError } from '../base/index.ts';
import { membershipError } from './membership-error.ts';
import { plainFailure } from './plain-failure.ts';

test.each([
  ['server ID is not valid', 'MEMBER_NOT_FOUND', false],
  ['Resource not found', 'MEMBER_NOT_FOUND', false],
  ['server role is not valid', 'BAD_ROLE', false],
  ['no voter would be left', 'LAST_VOTER', false],
  ['server ID already in use', 'DUPLICATE_ID', false],
  ['server address already in use', 'DUPLICATE_ADDRESS', false],
  ['no connection to remote server available', 'NO_CONNECTION', true],
  ['leadership transfer failed', 'TRANSFER_FAILED', true],
])('"%s" is %s', (message, code, retryable) => {
  expect(membershipError(plainFailure(1, message, true))).toMatchObject({
    code,
    message,
    retryable,
    outcome: undefined,
  });
});

test('other failures stay what they are', () => {
  for (const error of [
    plainFailure(1, 'no such table: t', true),
    plainFailure(10506, 'server has lost leadership', true),
    plainFailure(1555, 'server ID already in use', true),
    new QuorateError('TIMEOUT', 'server ID already in use'),
    new TypeError('server ID already in use'),
  ]) {
    expect(membershipError(error)).toBe(error);
  }
});
