import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter, DecodeError, pad8, type Role, type Value } from '../base/index.ts';
import {
  type ClientRequest,
  type ClientResponse,
  decodeClientRequest,
  decodeClientResponse,
  encodeClientRequest,
  encodeClientResponse,
  encodeFilesParts,
  MessageReader,
  parameterSchema,
  RESPONSE,
  RowSetReader,
  RowSetWriter,
  readTuple,
  WIRE_VALUE,
  writeTuple,
} from './index.ts';

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const utf8 = (text: string) => new TextEncoder().encode(text);
const u64 = fc.bigInt(0n, 2n ** 64n - 1n);
const i64 = fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n);
const u32 = fc.nat(0xffff_ffff);
const texts = fc.string({ unit: 'binary', maxLength: 30 }).filter((text) => !text.includes('\0'));
const values: fc.Arbitrary<Value> = fc.oneof(
  i64,
  fc.double(),
  texts,
  fc.uint8Array({ maxLength: 20 }),
  fc.constant(null),
  fc.maxSafeInteger(),
);

/** What a value is after its journey: integers come back as bigint, NaN as null. */
function travelled(value: Value): Value {
  if (typeof value !== 'number') return value;
  if (Number.isNaN(value)) return null;
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value) : value;
}

function onlyDecodeError(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
  }
}

describe('tuples', () => {
  it('decode what they encode, in both formats', () => {
    fc.assert(
      fc.property(fc.array(values, { maxLength: 20 }), fc.constantFrom(0, 1), (list, schema) => {
        const writer = new ByteWriter();
        writeTuple(writer, list, schema);
        expect(writer.length % 8).toBe(0);
        expect(readTuple(new ByteReader(writer.finish()), schema)).toEqual(list.map(travelled));
      }),
    );
  });

  it('have both counts at their limits', () => {
    expect([parameterSchema(255), parameterSchema(256)]).toEqual([0, 1]);
    const many = Array.from({ length: 300 }, (_, i) => BigInt(i));
    expect(() => writeTuple(new ByteWriter(), many, 0)).toThrow(RangeError);
    const writer = new ByteWriter();
    writeTuple(writer, many, 1);
    expect(readTuple(new ByteReader(writer.finish()), 1)).toEqual(many);
  });

  it('keep integers and floats apart', () => {
    const both = hex('0201020000000000 0100000000000000 000000000000f03f');
    expect(readTuple(new ByteReader(both), 0)).toEqual([1n, 1]);
  });

  it('take times and booleans, and ignore garbage in the padding', () => {
    const bytes = hex('030a0b0badadadad 3230323400000000 0000000000000000 0700000000000000');
    expect(readTuple(new ByteReader(bytes), 0)).toEqual(['2024', 0n, 1n]);
  });

  it('with an unknown type or an impossible blob are malformed, not an error of framing', () => {
    expect(readTuple(new ByteReader(hex('014d000000000000 0000000000000000')), 0)).toBe(
      'malformed',
    );
    expect(readTuple(new ByteReader(hex('0109000000000000 0000000000000000')), 0)).toBe(
      'malformed',
    );
    const blob = hex('0104000000000000 0000000000000040');
    expect(readTuple(new ByteReader(blob), 0)).toBe('malformed');
  });

  it('that run past the end are an error of framing', () => {
    expect(() => readTuple(new ByteReader(hex('ff01010000000000')), 0)).toThrow(DecodeError);
    expect(() => readTuple(new ByteReader(hex('0101000000000000')), 0)).toThrow(DecodeError);
    expect(() => readTuple(new ByteReader(hex('ffffffff00000000')), 1)).toThrow(DecodeError);
  });

  it('refuse what the protocol cannot carry', () => {
    expect(() => writeTuple(new ByteWriter(), [2n ** 63n], 0)).toThrow(RangeError);
    expect(() => writeTuple(new ByteWriter(), ['a\0b'], 0)).toThrow(RangeError);
  });

  it('throw nothing but DecodeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.constantFrom(0, 1), (bytes, schema) => {
        onlyDecodeError(() => readTuple(new ByteReader(bytes), schema));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('row sets', () => {
  const rowsOf = (columns: number) =>
    fc.array(fc.array(values, { minLength: columns, maxLength: columns }));
  const write = (writer: RowSetWriter, value: Value) => {
    if (value === null) writer.null();
    else if (typeof value === 'bigint') writer.integer(value);
    else if (typeof value === 'number') writer.float(value);
    else if (typeof value === 'string') writer.text(utf8(value));
    else writer.blob(value);
  };

  it('decode what they encode, in batches', () => {
    const cases = fc.integer({ min: 1, max: 40 }).chain((n) => fc.tuple(fc.constant(n), rowsOf(n)));
    fc.assert(
      fc.property(cases, fc.boolean(), ([count, rows], more) => {
        const columns = Array.from({ length: count }, (_, i) => `c${i}`);
        const writer = new RowSetWriter();
        writer.beginFirst(columns, []);
        writer.end(true);
        writer.beginNext();
        for (const row of rows) {
          writer.beginRow();
          for (const value of row) write(writer, value);
        }
        const length = writer.length;
        const body = writer.end(more);
        expect(body.length).toBe(length + 8);
        const reader = new RowSetReader(body);
        expect(reader.columns).toEqual(columns);
        for (const row of rows) {
          const decoded = reader.next() ?? [];
          row.forEach((value, i) => {
            const integer = typeof value === 'bigint' && Number.isSafeInteger(Number(value));
            expect(decoded[i]).toEqual(integer ? Number(value) : value);
          });
        }
        expect(reader.next()).toBe(undefined);
        expect(reader.end).toBe(more ? 'more' : 'done');
      }),
    );
  });

  it('have type codes by declared type and storage class as client-protocol.md §7.2 says', () => {
    const codes = (declared: string, put: (writer: RowSetWriter) => void) => {
      const writer = new RowSetWriter();
      writer.beginFirst(['x'], [declared]);
      writer.beginRow();
      put(writer);
      const reader = new RowSetReader(writer.end(false));
      const row = reader.next() ?? [];
      return [reader.types[0], row[0]];
    };
    const integer = (writer: RowSetWriter) => writer.integer(1n);
    const text = (writer: RowSetWriter) => writer.text(utf8('a\0b'));
    const float = (writer: RowSetWriter) => writer.float(1.5);
    const none = (writer: RowSetWriter) => writer.null();
    for (const declared of ['DATETIME', 'date', 'TimeStamp']) {
      expect(codes(declared, integer)).toEqual([WIRE_VALUE.unixTime, 1]);
      expect(codes(declared, text)).toEqual([WIRE_VALUE.iso8601, 'a']);
      expect(codes(declared, none)).toEqual([WIRE_VALUE.iso8601, '']);
      expect(codes(declared, float)).toEqual([WIRE_VALUE.float, 1.5]);
    }
    expect(codes('boolean', integer)).toEqual([WIRE_VALUE.boolean, 1]);
    expect(codes('boolean', none)).toEqual([WIRE_VALUE.boolean, 0]);
    expect(codes('boolean', text)).toEqual([WIRE_VALUE.text, 'a']);
    for (const declared of ['', 'TIMESTAMP WITH TIME ZONE', 'BOOL']) {
      expect(codes(declared, integer)).toEqual([WIRE_VALUE.integer, 1]);
      expect(codes(declared, none)).toEqual([WIRE_VALUE.null, null]);
    }
  });

  it('without columns have an end marker only', () => {
    const writer = new RowSetWriter();
    writer.beginFirst([], []);
    const body = writer.end(false);
    expect(toHex(body)).toBe('0000000000000000ffffffffffffffff');
    expect(new RowSetReader(body).next()).toBe(undefined);
  });

  it('assert complete rows', () => {
    const writer = new RowSetWriter();
    writer.beginFirst(['a', 'b'], ['', '']);
    writer.beginRow();
    writer.null();
    expect(() => writer.end(false)).toThrow('not complete');
    writer.null();
    expect(() => writer.null()).toThrow('more values');
  });

  it('throw nothing but DecodeError, whatever the bytes', () => {
    const writer = new RowSetWriter();
    writer.beginFirst(['a', 'b'], ['', '']);
    writer.beginRow();
    writer.text(utf8('hello'));
    writer.blob(new Uint8Array(5));
    const body = writer.end(false);
    const read = (bytes: Uint8Array) => {
      const reader = new RowSetReader(bytes);
      while (reader.next() !== undefined);
    };
    for (let length = 0; length < body.length; length++) {
      expect(() => read(body.subarray(0, length)), `${length}`).toThrow(DecodeError);
    }
    fc.assert(
      fc.property(fc.nat(body.length - 1), fc.nat(255), (at, value) => {
        const damaged = body.slice();
        damaged[at] = value;
        onlyDecodeError(() => read(damaged));
      }),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (b) => onlyDecodeError(() => read(b))));
  });
});

const roles = fc.constantFrom<Role>('voter', 'stand-by', 'spare');
const tuple = fc
  .array(values, { maxLength: 8 })
  .chain((parameters) => fc.constantFrom(0, 1).map((schema) => ({ parameters, schema })));
const requests: fc.Arbitrary<ClientRequest> = fc.oneof(
  fc.constant<ClientRequest>({ type: 'leader' }),
  u64.map((id): ClientRequest => ({ type: 'client', id })),
  u64.map((timestamp): ClientRequest => ({ type: 'heartbeat', timestamp })),
  fc.record({ type: fc.constant('open'), name: texts, flags: u64, vfs: texts }),
  fc.record({ type: fc.constant('prepare'), schema: fc.constantFrom(0, 1), db: u64, sql: texts }),
  fc
    .record({ type: fc.constantFrom('exec', 'query'), db: u32, statement: u32, tuple })
    .map(({ tuple: t, ...rest }) => ({ ...rest, ...t })),
  fc.record({ type: fc.constant('finalize'), db: u32, statement: u32 }),
  fc
    .record({ type: fc.constantFrom('exec-sql', 'query-sql'), db: u64, sql: texts, tuple })
    .map(({ tuple: t, ...rest }) => ({ ...rest, ...t })),
  u64.map((db): ClientRequest => ({ type: 'interrupt', db })),
  fc.record({ type: fc.constantFrom('connect', 'add'), id: u64, address: texts }),
  fc.record({ type: fc.constant('assign'), id: u64, role: roles }),
  fc.record({ type: fc.constantFrom('remove', 'transfer'), id: u64 }),
  texts.map((name): ClientRequest => ({ type: 'dump', name })),
  fc.record({ type: fc.constantFrom('cluster', 'describe'), format: u64 }),
  u64.map((weight): ClientRequest => ({ type: 'weight', weight })),
);

const files = fc.array(
  fc.record({
    name: texts,
    bytes: fc.uint8Array({ maxLength: 6 }).map((b) => new Uint8Array(b.length * 8).fill(b[0] ?? 0)),
  }),
  { maxLength: 3 },
);
const responses: fc.Arbitrary<ClientResponse> = fc.oneof(
  fc.record({ type: fc.constant('failure'), code: u32, message: texts }),
  fc.record({ type: fc.constant('server'), id: u64, address: texts }),
  fc.record({ type: fc.constant('welcome'), heartbeatMs: u32 }),
  fc.record({
    type: fc.constant('servers'),
    format: fc.constant(1),
    servers: fc.array(fc.record({ id: u64, address: texts, role: roles }), { maxLength: 4 }),
  }),
  fc.record({ type: fc.constant('db'), db: u32 }),
  fc.record({ type: fc.constant('stmt'), db: u32, statement: u32, parameters: u32 }),
  fc.record({ type: fc.constant('stmt'), db: u32, statement: u32, parameters: u32, tail: u32 }),
  fc.record({ type: fc.constant('result'), lastInsertRowid: i64, rowsAffected: i64 }),
  fc.constant<ClientResponse>({ type: 'empty' }),
  fc.record({ type: fc.constant('files'), files }),
  fc.record({ type: fc.constant('metadata'), failureDomain: u64, weight: u64 }),
);

/** The one message in these bytes. */
function only(bytes: Uint8Array) {
  const reader = new MessageReader();
  reader.push(bytes);
  const message = reader.next();
  if (message === undefined || reader.bufferedBytes !== 0) throw new Error('not one message');
  return message;
}

describe('messages', () => {
  it('requests decode as they were encoded', () => {
    fc.assert(
      fc.property(requests, (request) => {
        const { type, schema, body } = only(encodeClientRequest(request));
        const decoded = decodeClientRequest(type, schema, body);
        const wanted =
          'parameters' in request
            ? { ...request, parameters: request.parameters.map(travelled) }
            : request;
        expect(decoded).toEqual(wanted);
      }),
      { numRuns: 500 },
    );
  });

  it('responses decode as they were encoded', () => {
    fc.assert(
      fc.property(responses, (response) => {
        const { type, schema, body } = only(encodeClientResponse(response));
        expect(decodeClientResponse(type, schema, body)).toEqual(response);
      }),
      { numRuns: 500 },
    );
  });

  it('of unknown type or schema are told apart from malformed ones', () => {
    const body = new Uint8Array(16);
    expect(decodeClientRequest(99, 0, body)).toEqual({ type: 'unknown', code: 99, schema: 0 });
    expect(decodeClientRequest(8, 2, body)).toEqual({ type: 'unknown', code: 8, schema: 2 });
    expect(decodeClientRequest(13, 0, body.subarray(8))).toMatchObject({ role: 'voter' });
    expect(() => decodeClientRequest(3, 0, body)).toThrow(DecodeError);
  });

  it('with streamed files are the same as with files in memory', () => {
    fc.assert(
      fc.property(
        files.filter((list) => list.length > 0),
        (list) => {
          const sizes = list.map(({ name, bytes }) => ({ name, sizeBytes: bytes.length }));
          const parts = encodeFilesParts(sizes).flatMap((part, i) => [part, list[i].bytes]);
          const whole = encodeClientResponse({ type: 'files', files: list });
          expect(Buffer.concat(parts).toString('hex')).toBe(toHex(whole));
        },
      ),
    );
  });

  it('throw nothing but DecodeError, whatever the bytes', () => {
    fc.assert(
      fc.property(
        fc.nat(45),
        fc.nat(2),
        fc.uint8Array({ maxLength: 80 }),
        fc.boolean(),
        (type, schema, bytes, afterQuery) => {
          const body = bytes.subarray(0, pad8(bytes.length) - 8);
          onlyDecodeError(() => decodeClientRequest(type, schema, body));
          onlyDecodeError(() => decodeClientResponse(type, schema, body, { afterQuery }));
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('message reader', () => {
  it('gives the same messages however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(requests, { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 10 }),
        (list, sizes) => {
          const encoded = list.map(encodeClientRequest);
          const stream = Uint8Array.from(Buffer.concat([hex('0100000000000000'), ...encoded]));
          const reader = new MessageReader();
          const found: string[] = [];
          let version: bigint | undefined;
          for (let at = 0, i = 0; at < stream.length; i++) {
            const size = sizes[i % sizes.length];
            reader.push(stream.subarray(at, at + size));
            at += size;
            version ??= reader.word();
            if (version === undefined) continue;
            for (let m = reader.next(); m !== undefined; m = reader.next())
              found.push(toHex(m.body));
          }
          expect(version).toBe(1n);
          expect(found).toEqual(encoded.map((bytes) => toHex(bytes.subarray(8))));
          expect(reader.bufferedBytes).toBe(0);
        },
      ),
    );
  });

  it('refuses an empty body and a message above the limit as soon as the header is there', () => {
    const empty = new MessageReader();
    empty.push(hex('0000000000000000'));
    expect(() => empty.next()).toThrow('without body');
    for (const words of ['ffffffff', 'ffffff1f', '01008000']) {
      const large = new MessageReader();
      large.push(hex(`${words}00000000`));
      expect(() => large.next()).toThrow('above the limit');
    }
    const allowed = new MessageReader();
    allowed.push(hex('ffff7f0000000000'));
    expect(allowed.next()).toBe(undefined);
  });

  it('hands over what follows Connect', () => {
    const reader = new MessageReader();
    reader.push(encodeClientRequest({ type: 'connect', id: 1n, address: 'a:1' }));
    reader.push(hex('0102'));
    expect(reader.next()?.type).toBe(11);
    expect(reader.rest()).toEqual(hex('0102'));
    expect(reader.bufferedBytes).toBe(0);
  });
});

it('a Failure behind many rows without a zero byte is looked for once, not at every row', () => {
  const body = new Uint8Array(24 + 2 ** 18 * 16).fill(0x11);
  body.set(new ByteWriter().safe(1).text('x').finish());
  const found = decodeClientResponse(RESPONSE.failure, 0, body, { afterQuery: true });
  // There is none: the beginning is taken for it.
  expect(found).toEqual({ type: 'failure', code: 1, message: 'x' });
});
