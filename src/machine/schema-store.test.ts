import { describe, expect, it } from 'vitest';
import { EnginePair, one } from '../../test/support/engine-pair.ts';
import { emptyState } from '../schema/index.ts';
import { SchemaSql } from './schema-sql.ts';
import { SchemaStore } from './schema-store.ts';

describe('scenario 54: mixed engine versions', () => {
  function store(): { readonly pair: EnginePair; readonly at: SchemaStore } {
    const pair = new EnginePair();
    pair.writer.privileged = true;
    const sql = new SchemaSql(pair.writer);
    SchemaStore.create(sql);
    const at = new SchemaStore(sql, 'app');
    at.putState({ ...emptyState('app'), version: 3, contracts: { drop: 'a' } });
    return { pair, at };
  }

  it('an older engine ignores the keys of a newer one, and leaves them in place', () => {
    const { pair, at } = store();
    pair.write("update __quorate_schema_state set x = json_set(x, '$.later', 7)");
    expect(at.state()).toMatchObject({ version: 3, contracts: { drop: 'a' } });
    at.putState({ ...at.state(), version: 4 });
    expect(one(pair.writer, "select json_extract(x, '$.later') from __quorate_schema_state")).toBe(
      7,
    );
    expect(at.state()).toMatchObject({ version: 4, contracts: { drop: 'a' } });
  });

  it('a format that is too high is read, so code is served, and never written', () => {
    const { pair, at } = store();
    pair.write('update __quorate_schema_state set format = 9');
    expect(at.state()).toMatchObject({ version: 3 });
    const unsupported = expect.objectContaining({ code: 'FORMAT_UNSUPPORTED' });
    expect(() => at.checkFormat()).toThrow(unsupported);
    expect(() => at.putState(at.state())).toThrow(unsupported);
    expect(one(pair.writer, 'select format from __quorate_schema_state')).toBe(9);
  });
});
