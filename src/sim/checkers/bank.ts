import type { Anomaly } from './history.ts';

export interface Transfer {
  readonly id: number;
  readonly source: number;
  readonly target: number;
  readonly amount: number;
}

/** All accounts and the whole book in one read. Each account began with `opening`. */
export interface Statement {
  readonly opening: number;
  readonly accounts: ReadonlyMap<number, number>;
  readonly book: readonly Transfer[];
}

/** Any version of a bank, however old: money is neither made nor lost, and the book explains every account. */
export function checkBank({ opening, accounts, book }: Statement): Anomaly | undefined {
  const sum = [...accounts.values()].reduce((total, amount) => total + amount, 0);
  if (sum !== opening * accounts.size) {
    return { name: 'torn transaction', detail: `${accounts.size} accounts hold ${sum}` };
  }
  const expected = new Map([...accounts.keys()].map((id) => [id, opening]));
  const move = (id: number, amount: number): void => {
    expected.set(id, (expected.get(id) ?? 0) + amount);
  };
  for (const { source, target, amount } of book) {
    move(source, -amount);
    move(target, amount);
  }
  for (const [id, amount] of accounts) {
    if (amount === expected.get(id)) continue;
    const detail = `account ${id} holds ${amount}, by the book ${expected.get(id)}`;
    return { name: 'lost update', detail };
  }
  return undefined;
}
