import fc from 'fast-check';
import { type Random, randomBelow } from '../../../src/base/index.ts';
import { FrameReader } from '../../../src/client/frame-reader.ts';
import {
  type ClientResponse,
  decodeClientResponse,
  decodeExtensionResponse,
  ExtensionRowsReader,
  encodeClientResponse,
  encodeExtensionResponse,
  RowSetReader,
} from '../../../src/wire/index.ts';
import { clientStreams } from '../captures.ts';
import { concat } from '../mutate.ts';
import type { Target } from '../target.ts';
import { clientResponses, extensionResponses, values } from './arbitrary.ts';
import { decoded, inPieces, randomOf, same } from './check.ts';
import { rowBatches } from './rows.ts';

/** What servers answer: dqlite's messages and those of the extension, rows included. */
export const clientResponsesTarget: Target = {
  name: 'client-responses',
  corpus: (random) => [...clientStreams('<'), ...responseStreams(random)],
  run(bytes) {
    const rows = new ExtensionRowsReader();
    const reader = new FrameReader((type, schema, body) => {
      checkPlain(type, schema, body);
      checkExtension(type, body, rows);
    });
    decoded(() => inPieces(bytes, randomOf(bytes), (piece) => reader.push(piece)));
  },
};

/** Generated answers, and sequences of them. */
function responseStreams(random: Random): Uint8Array[] {
  const { extension, plain } = singleResponses(random);
  const single = [...extension, ...plain];
  const streams = Array.from({ length: 20 }, () =>
    concat(Array.from({ length: 4 }, () => single[randomBelow(random, single.length)])),
  );
  return [...single, ...streams];
}

/** Generated answers of both protocols, one message each. */
export function singleResponses(random: Random): {
  readonly extension: readonly Uint8Array[];
  readonly plain: readonly Uint8Array[];
} {
  const seed = random.uint32() | 0;
  const result = fc
    .integer({ min: 1, max: 20 })
    .chain((width) =>
      fc.array(fc.array(values, { minLength: width, maxLength: width }), { maxLength: 5 }),
    );
  const results = fc.sample(result, { seed, numRuns: 20 });
  const rows = { type: 'rows', request: 1, statementIndex: 0 } as const;
  return {
    extension: [
      ...fc.sample(extensionResponses, { seed, numRuns: 40 }).map(encodeExtensionResponse),
      ...results.flatMap((each) =>
        rowBatches(each, true).map((batch) => encodeExtensionResponse({ ...rows, batch })),
      ),
    ],
    plain: [
      ...fc.sample(clientResponses, { seed, numRuns: 40 }).map(encodeClientResponse),
      ...results.flatMap((each) =>
        rowBatches(each, false).map((body) => encodeClientResponse({ type: 'rows', body })),
      ),
    ],
  };
}

function checkPlain(type: number, schema: number, body: Uint8Array): void {
  for (const afterQuery of [false, true]) {
    const response = decoded(() => decodeClientResponse(type, schema, body, { afterQuery }));
    if (response === undefined) continue;
    if (response.type === 'rows') decoded(() => readAll(new RowSetReader(body)));
    else checkAgain(response);
  }
  decoded(() => decodeClientResponse(type, schema, body, { legacy: true, clusterFormat: 0 }));
}

function readAll(rows: RowSetReader): void {
  while (rows.next() !== undefined);
}

function checkAgain(response: ClientResponse): void {
  // Contents of files are whole words when we write them.
  if (response.type === 'files' && response.files.some(({ bytes }) => bytes.length % 8 !== 0))
    return;
  const encoded = encodeClientResponse(response);
  const again = decodeClientResponse(encoded[4], encoded[5], encoded.subarray(8));
  same(again, response, 'decoded again');
}

function checkExtension(type: number, body: Uint8Array, rows: ExtensionRowsReader): void {
  const response = decoded(() => decodeExtensionResponse(type, body));
  if (response === undefined) return;
  const encoded = encodeExtensionResponse(response);
  same(decodeExtensionResponse(encoded[4], encoded.subarray(8)), response, 'decoded again');
  if (response.type === 'rows') decoded(() => rows.batch(response.batch));
}
