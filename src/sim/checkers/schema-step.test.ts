import { describe, expect, test } from 'vitest';
import { digestOf, EMPTY_CHAIN, type ManifestEntry } from '../../schema/index.ts';
import { misfit } from './schema-fit.ts';
import { appliedOf, checkStep, type StepContext } from './schema-step.ts';
import { EMPTY_VIEW, type SchemaView, type ViewMember, type ViewMigration } from './schema-view.ts';

// A checker that never fires proves nothing: each rule is shown an entry that breaks it, and one like it that does not.

const ONE: ManifestEntry = { name: 'one', kind: 'expand', checksum: digestOf('1') };
const FILL: ManifestEntry = { name: 'fill', kind: 'data', checksum: digestOf('2') };
const DROP: ManifestEntry = { name: 'drop', kind: 'contract', checksum: digestOf('3') };
const BREAK: ManifestEntry = { name: 'break', kind: 'breaking', checksum: digestOf('4') };
const OLD = [ONE];
const NEW = [ONE, FILL, DROP, BREAK];

const CONTEXT: StepContext = {
  knows: (release) => ({ old: OLD, new: NEW })[release],
  expectedSchema: (names) => `schema of ${names.length}`,
  present: ({ id }) => id !== 'gone',
  backfill: 'fill',
  mayLoseRows: new Set(['log']),
};

/** What is there when these are applied. */
function applied(...entries: readonly ManifestEntry[]): SchemaView {
  let chain = EMPTY_CHAIN;
  let version = 0;
  let floor = 0;
  const contracts: Record<string, string> = {};
  const history = entries.map(({ name, kind, checksum }): ViewMigration => {
    if (kind === 'contract') contracts[name] = checksum;
    else {
      version++;
      chain = digestOf(`${chain}\n${name}\n${checksum}`);
      if (kind === 'breaking') floor = version;
    }
    return { version: kind === 'contract' ? 0 : version, name, kind, checksum, chain, run: name };
  });
  const state = { version, floor, chain, fingerprint: 'f', phase: 'idle', contracts };
  return {
    ...EMPTY_VIEW,
    state: { ...state, generation: entries.length },
    ...{ history, schema: `schema of ${entries.length}`, fingerprint: 'f' },
    manifests: new Map([
      ['old', OLD],
      ['new', NEW],
    ]),
    ...{ counts: new Map(Object.entries({ item: 3, log: 3 })), touched: new Map([[1, 0]]) },
  };
}

function member(id: string, manifest: string, state = 'active'): ViewMember {
  return { id, kind: 'client', manifest, state, release: `${manifest}#1` };
}

function changed(view: SchemaView, state: Partial<NonNullable<SchemaView['state']>>): SchemaView {
  if (view.state === undefined) throw new Error('nothing to change');
  return { ...view, state: { ...view.state, ...state } };
}

function step(before: SchemaView, after: SchemaView): () => void {
  return () => checkStep(before, after, CONTEXT);
}

const V1 = applied(ONE);
const V2 = applied(ONE, FILL);
const DROPPED = applied(ONE, FILL, DROP);

describe('what an entry may do', () => {
  test('one migration after another, of all kinds', () => {
    const all = [EMPTY_VIEW, V1, V2, DROPPED, applied(...NEW)];
    for (let i = 1; i < all.length; i++) step(all[i - 1], all[i])();
  });

  test('MI1: a write of code that does not fit, or of nobody', () => {
    const before = { ...DROPPED, trail: ['new'] };
    expect(step(before, { ...before, trail: ['new', 'old'] })).toThrow('MI1');
    expect(step(V1, { ...V1, trail: ['new'] })).toThrow('MI1');
    expect(step(V1, { ...V1, trail: ['old', 'none'] })).not.toThrow();
    const refused = { ...V1, undeclared: 'refuse' };
    expect(step(refused, { ...refused, trail: ['none'] })).toThrow('MI1');
  });

  test('MI2: repeated, skipped, left out, rewritten, two at once', () => {
    expect(step(V1, applied(ONE, ONE))).toThrow('MI2');
    expect(step(EMPTY_VIEW, V2)).toThrow('MI2');
    expect(step(V1, { ...V2, history: V1.history })).toThrow('MI2');
    expect(step(V1, changed({ ...V2 }, { version: 1 }))).toThrow('MI2');
    expect(step(V2, { ...V2, history: [V2.history[1], V2.history[0]] })).toThrow('MI2');
    expect(step(V2, changed(DROPPED, { contracts: {} }))).toThrow('MI2');
  });

  test('MI3: a chain or a fingerprint of something else', () => {
    expect(step(V1, changed(V2, { chain: digestOf('x') }))).toThrow('MI3');
    expect(step(V1, { ...V1, fingerprint: 'g' })).toThrow('MI3');
  });

  test('MI4: a migration over somebody who counts and does not know it', () => {
    const over = (...members: ViewMember[]) => step({ ...V2, members }, DROPPED);
    expect(over(member('a', 'new'), member('b', 'old'))).toThrow('MI4');
    expect(over(member('a', 'new'), member('b', 'old', 'excluded'))).not.toThrow();
    expect(over(member('a', 'new'), member('gone', 'old'))).not.toThrow();
    expect(step({ ...V1, members: [member('b', 'old')] }, V2)).not.toThrow();
  });

  test('MI5: a generation that stands still or falls, a floor that falls', () => {
    expect(step(V1, changed(V1, { phase: 'held' }))).toThrow('MI5');
    expect(step(V1, changed(V1, { generation: 0 }))).toThrow('MI5');
    const high = changed(V1, { floor: 1 });
    expect(step(high, changed(V1, { generation: 2 }))).toThrow('MI5');
  });

  test('MI6: a schema that no migration in the history makes', () => {
    expect(step(V1, { ...V1, schema: 'half' })).toThrow('MI6');
    expect(step(V1, { ...V2, schema: 'half' })).toThrow('MI6');
  });

  test('MI7: rows that are gone, references that point nowhere', () => {
    const counts = (item: number, log: number) => new Map(Object.entries({ item, log }));
    expect(step(V1, { ...V2, counts: counts(2, 3) })).toThrow('MI7');
    expect(step(V1, { ...V2, counts: counts(3, 0) })).not.toThrow();
    expect(step(V1, { ...V1, counts: counts(2, 3) })).not.toThrow();
    expect(step(V1, { ...V1, danglingReferences: 1 })).toThrow('MI7');
  });

  test('MI11: batches and their cursor', () => {
    const at = (after: number | null, first: number, second: number, unfilled = 1): SchemaView => ({
      ...V1,
      ...{ jobs: [{ name: 'fill', attempts: 0, after }], unfilled },
      touched: new Map([
        [1, first],
        [2, second],
      ]),
    });
    expect(step(at(null, 0, 0), at(1, 1, 0))).not.toThrow();
    expect(step(at(1, 1, 0), at(2, 1, 1))).not.toThrow();
    expect(step(at(null, 0, 0), at(null, 1, 0))).toThrow('MI11');
    expect(step(at(1, 1, 0), at(2, 1, 0))).toThrow('MI11');
    expect(step(at(1, 1, 0), at(2, 2, 1))).toThrow('MI11');
    expect(step(at(2, 1, 1, 0), at(1, 1, 1, 0))).toThrow('MI11');
    expect(step(at(2, 1, 1), at(null, 1, 1))).not.toThrow();
    expect(step(V1, { ...V2, unfilled: 1 })).toThrow('MI11');
  });

  test('ML4: attempts without end', () => {
    const tried = (attempts: number) => ({ ...V1, jobs: [{ name: 'x', attempts, after: null }] });
    expect(step(V1, tried(3))).not.toThrow();
    expect(step(V1, tried(4))).toThrow('ML4');
  });
});

test('which code fits what is applied', () => {
  const why = (entries: readonly ManifestEntry[], view: SchemaView) =>
    misfit(entries, view.state, appliedOf(view));
  expect(why(OLD, V1)).toBeUndefined();
  expect(why(OLD, V2)).toBeUndefined();
  expect(why(OLD, EMPTY_VIEW)).toMatch('below');
  expect(why(OLD, DROPPED)).toMatch('contract drop is unknown');
  expect(why([ONE, FILL], applied(ONE, FILL, BREAK))).toMatch('floor');
  expect(why([{ ...ONE, checksum: digestOf('x') }], V2)).toMatch('migration 1 is one');
});
