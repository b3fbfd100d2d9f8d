import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { QuorateError, type Value } from '../base/index.ts';
import {
  firstKeyword,
  formatLiteral,
  formatTable,
  isComplete,
  likelyReadOnly,
  quoteIdentifier,
  quoteText,
  splitStatements,
  sql,
  type TokenKind,
  textWidth,
  tokens,
  truncateText,
} from './index.ts';

const kinds = (text: string): [TokenKind, string][] =>
  [...tokens(text)]
    .filter((token) => token.kind !== 'space')
    .map((token) => [token.kind, text.slice(token.start, token.end)]);

describe('tokenizer', () => {
  it.each<[string, [TokenKind, string][]]>([
    [
      "select 'it''s';",
      [
        ['word', 'select'],
        ['text', "'it''s'"],
        ['semicolon', ';'],
      ],
    ],
    [
      '"a""b" `c` [d e]',
      [
        ['quoted', '"a""b"'],
        ['quoted', '`c`'],
        ['quoted', '[d e]'],
      ],
    ],
    [
      "x'0aFF' X'' x'0'",
      [
        ['blob', "x'0aFF'"],
        ['blob', "X''"],
        ['illegal', "x'0'"],
      ],
    ],
    [
      '1 1.5 .5 2. 1e9 1.5E-3 0x1F 1_000',
      [
        ['number', '1'],
        ['number', '1.5'],
        ['number', '.5'],
        ['number', '2.'],
        ['number', '1e9'],
        ['number', '1.5E-3'],
        ['number', '0x1F'],
        ['number', '1_000'],
      ],
    ],
    [
      '12ab 0x',
      [
        ['illegal', '12ab'],
        ['illegal', '0x'],
      ],
    ],
    [
      '? ?12 :a @b $c $c::d(e)',
      [
        ['parameter', '?'],
        ['parameter', '?12'],
        ['parameter', ':a'],
        ['parameter', '@b'],
        ['parameter', '$c'],
        ['parameter', '$c::d(e)'],
      ],
    ],
    [
      'a->>b||c<>d',
      [
        ['word', 'a'],
        ['operator', '->>'],
        ['word', 'b'],
        ['operator', '||'],
        ['word', 'c'],
        ['operator', '<>'],
        ['word', 'd'],
      ],
    ],
    [
      'a.b-- x\n/* y\n*/c',
      [
        ['word', 'a'],
        ['operator', '.'],
        ['word', 'b'],
        ['comment', '-- x\n'],
        ['comment', '/* y\n*/'],
        ['word', 'c'],
      ],
    ],
    [
      'größe 表',
      [
        ['word', 'größe'],
        ['word', '表'],
      ],
    ],
    [
      ': !',
      [
        ['illegal', ':'],
        ['illegal', '!'],
      ],
    ],
  ])('%j', (text, wanted) => {
    expect(kinds(text)).toEqual(wanted);
  });

  it('covers every text without gaps', () => {
    const pieces = fc.constantFrom(
      "'",
      '"',
      '[',
      '`',
      '--',
      '/*',
      '*/',
      'x',
      '1',
      '?',
      ':',
      ';',
      '\n',
      ' ',
      'é',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(pieces).map((p) => p.join('')),
          fc.string({ unit: 'binary' }),
        ),
        (text) => {
          let at = 0;
          for (const token of tokens(text)) {
            expect(token.start).toBe(at);
            expect(token.end).toBeGreaterThan(at);
            at = token.end;
          }
          expect(at).toBe(text.length);
        },
      ),
    );
  });
});

const TRIGGER = `CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN
  UPDATE a SET x = CASE WHEN 1 THEN 2 END; -- not the END
  DELETE FROM b;
END;`;

describe('statements', () => {
  it.each<[string, string[]]>([
    ['', []],
    [' -- nothing\n ; ;', []],
    ['select 1', ['select 1']],
    ["select ';' ; insert into t values(';');", ["select ';' ;", "insert into t values(';');"]],
    ['/* a */ select 1 /* ; */ -- b', ['select 1']],
    [`${TRIGGER} select 2;`, [TRIGGER, 'select 2;']],
    [`create view v as select 1; ${TRIGGER}`, ['create view v as select 1;', TRIGGER]],
    [`explain query plan ${TRIGGER} select 1`, [`explain query plan ${TRIGGER}`, 'select 1']],
    ['begin; select 1; end;', ['begin;', 'select 1;', 'end;']],
    ["select 'open", ["select 'open"]],
  ])('splits %j', (text, wanted) => {
    expect(splitStatements(text)).toEqual(wanted);
  });

  it.each<[string, boolean]>([
    ['', true],
    ['select 1', false],
    ['select 1;', true],
    ['select 1; -- done', true],
    ['select 1; /* open', false],
    ["select ';", false],
    ['create trigger t begin select 1;', false],
    ['create trigger t begin select 1; end', false],
    ['create trigger t begin select 1; end;', true],
    ['create table trigger_log(x);', true],
  ])('%j is complete: %j', (text, wanted) => {
    expect(isComplete(text)).toBe(wanted);
  });

  it.each<[string, string, boolean]>([
    ['select 1', 'SELECT', true],
    ['-- x\n /* y */ values(1)', 'VALUES', true],
    ['EXPLAIN DELETE FROM t', 'EXPLAIN', true],
    ['with a as (select 1) select * from a', 'WITH', true],
    ['with a(x) as (select 1), b as (values(2)) insert into t select * from a', 'WITH', false],
    ['insert into t values(1)', 'INSERT', false],
    ['select 1; delete from t', 'SELECT', false],
    ['pragma user_version', 'PRAGMA', false],
    ['', '', false],
    ['(select 1)', '', false],
  ])('%j begins with %j, reads only: %j', (text, keyword, readOnly) => {
    expect(firstKeyword(text)).toBe(keyword);
    expect(likelyReadOnly(text)).toBe(readOnly);
  });

  it('lose nothing but blanks and comments when split', () => {
    const pieces = fc.constantFrom(
      'select',
      "';'",
      ';',
      'create',
      'trigger',
      'end',
      ' ',
      '\n',
      '--a\n',
      '/*b*/',
      'x',
    );
    fc.assert(
      fc.property(fc.array(pieces), (list) => {
        const text = list.join(' ');
        const words = (t: string) =>
          kinds(t).filter(([kind]) => kind !== 'comment' && kind !== 'semicolon');
        expect(splitStatements(text).flatMap(words)).toEqual(words(text));
      }),
    );
  });
});

const values: [Value, string][] = [
  [null, 'NULL'],
  [1, '1'],
  [-1.5, '-1.5'],
  [-0, '-0.0'],
  [1e21, '1e+21'],
  [2 ** 60, '1152921504606847000.0'],
  [Number.POSITIVE_INFINITY, '9e999'],
  [Number.NEGATIVE_INFINITY, '-9e999'],
  [Number.NaN, 'NULL'],
  [-(2n ** 63n), '-9223372036854775808'],
  ["it's", "'it''s'"],
  ['a\0b', "CAST(x'610062' AS TEXT)"],
  [Uint8Array.of(0, 10, 255), "x'000aff'"],
];

describe('quoting', () => {
  it.each(values.map(([value, wanted]) => ({ value, wanted })))(
    'writes $wanted',
    ({ value, wanted }) => {
      expect(formatLiteral(value)).toBe(wanted);
    },
  );

  it('doubles quotes', () => {
    expect(quoteIdentifier('a"b')).toBe('"a""b"');
    expect(quoteText("'")).toBe("''''");
    expect(() => quoteIdentifier('a\0')).toThrow(QuorateError);
  });

  it('gives one token, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }).filter((t) => !t.includes('\0')),
        (text) => {
          expect(kinds(quoteText(text))).toEqual([['text', quoteText(text)]]);
          expect(kinds(quoteIdentifier(text))).toEqual([['quoted', quoteIdentifier(text)]]);
        },
      ),
    );
  });

  const hasSqlite = spawnSync('sqlite3', ['--version']).status === 0;
  it.skipIf(!hasSqlite)(
    'means to SQLite what it should (skipped without the sqlite3 program)',
    () => {
      const query = values
        .map(([value]) => formatLiteral(value))
        .map(
          (x) => `select typeof(${x}), case typeof(${x}) when 'real' then ${x} else hex(${x}) end;`,
        )
        .join('\n');
      const { stdout } = spawnSync('sqlite3', [':memory:', query], { encoding: 'utf8' });
      const hex = (text: string) => Buffer.from(text).toString('hex').toUpperCase();
      expect(stdout.trim().split('\n')).toEqual([
        'null|',
        `integer|${hex('1')}`,
        'real|-1.5',
        'real|0.0',
        'real|1.0e+21',
        'real|1.15292150460685e+18',
        'real|Inf',
        'real|-Inf',
        'null|',
        `integer|${hex('-9223372036854775808')}`,
        `text|${hex("it's")}`,
        'text|610062',
        'blob|000AFF',
      ]);
    },
  );
});

describe('template tag', () => {
  it('makes parameters of its arguments', () => {
    expect(sql<number | string>`select ${1}, '?', ${'x'} -- ?`).toEqual({
      sql: "select ?, '?', ? -- ?",
      args: [1, 'x'],
    });
    expect(sql`select 1`).toEqual({ sql: 'select 1', args: [] });
  });

  it('refuses arguments that would not be parameters', () => {
    expect(() => sql`select '${1}'`).toThrow('inside a string');
    expect(() => sql`select 1 -- ${1}`).toThrow('inside a string');
    expect(() => sql`select ?, ${1}`).toThrow('no argument');
    expect(() => sql`select ${1}2`).toThrow('no argument');
    expect(() => sql`select :a`).toThrow('no argument');
  });
});

describe('tables', () => {
  const columns = ['id', 'name'];
  const rows: Value[][] = [
    [1, 'é表😀'],
    [2n ** 60n, null],
    [1.5, 'a\n\u001b[31m"b",'],
    [null, Uint8Array.of(255)],
  ];

  it('are grids', () => {
    expect(formatTable(columns, rows, { mode: 'table' })).toBe(
      [
        '┌─────────────────────┬─────────────────┐',
        '│ id                  │ name            │',
        '├─────────────────────┼─────────────────┤',
        '│                   1 │ é表😀           │',
        '│ 1152921504606846976 │ NULL            │',
        '│                 1.5 │ a\\n\\x1b[31m"b", │',
        "│ NULL                │ x'ff'           │",
        '└─────────────────────┴─────────────────┘',
      ].join('\n'),
    );
  });

  it('fit a width', () => {
    const text = formatTable(columns, rows, { mode: 'table', width: 24 });
    for (const line of text.split('\n')) expect(textWidth(line)).toBeLessThanOrEqual(24);
    expect(text).toContain('…');
  });

  it('are CSV', () => {
    expect(formatTable(columns, [...rows, [0, '']], { mode: 'csv' })).toBe(
      'id,name\n1,é表😀\n1152921504606846976,\n1.5,"a\n\u001b[31m""b"","\n,x\'ff\'\n0,""',
    );
  });

  it('are JSON that keeps every digit', () => {
    const text = formatTable(columns, rows, { mode: 'json' });
    expect(text).toContain('{"id":1152921504606846976,"name":null}');
    expect(JSON.parse(text)).toEqual([
      { id: 1, name: 'é表😀' },
      { id: 2 ** 60, name: null },
      { id: 1.5, name: 'a\n\u001b[31m"b",' },
      { id: null, name: "x'ff'" },
    ]);
    expect(formatTable(['x'], [], { mode: 'json' })).toBe('[]');
  });

  it('are lists', () => {
    expect(formatTable(columns, rows.slice(0, 2), { mode: 'list' })).toBe(
      '1|é表😀\n1152921504606846976|',
    );
  });

  it('have the width that a terminal shows', () => {
    expect(['abc', 'é', 'e\u0301', '表', '😀', '👩‍👩‍👧', '\u200b', '한'].map(textWidth)).toEqual([
      3, 1, 1, 2, 2, 2, 0, 2,
    ]);
    expect(truncateText('表表表', 4)).toBe('表…');
    expect(truncateText('abc', 3)).toBe('abc');
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.integer({ min: 1, max: 20 }),
        (text, width) => {
          expect(textWidth(truncateText(text, width))).toBeLessThanOrEqual(width);
        },
      ),
    );
  });
});
