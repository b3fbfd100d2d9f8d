import type { NodeStatus } from '../node/index.ts';

/** The status as JSON text; integers above 2^53 become decimal strings. */
export function statusJson(status: NodeStatus): string {
  return JSON.stringify(status, (_key, value: unknown) => {
    if (typeof value !== 'bigint') return value;
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value.toString();
  });
}
