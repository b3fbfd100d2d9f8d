import fc from 'fast-check';
import type { Value } from '../../../src/base/index.ts';
import {
  areUsable,
  type ClientRequest,
  decodeClientRequest,
  decodeExtensionRequest,
  type ExtensionRequest,
  encodeClientRequest,
  encodeExtensionRequest,
  isExtensionRequest,
  MessageReader,
} from '../../../src/wire/index.ts';
import { unpacked } from '../../support/batches.ts';
import { clientStreams } from '../captures.ts';
import type { Target } from '../target.ts';
import { clientRequests, extensionRequests } from './arbitrary.ts';
import { decoded, inPieces, randomOf, same } from './check.ts';

/** What clients send, behind the version word: dqlite's messages and those of the extension. */
export const clientRequestsTarget: Target = {
  name: 'client-requests',
  corpus(random) {
    const seed = random.uint32() | 0;
    return [
      ...clientStreams('>').map((stream) => stream.subarray(8)),
      ...fc.sample(clientRequests, { seed, numRuns: 40 }).map(encodeClientRequest),
      ...fc.sample(extensionRequests, { seed, numRuns: 40 }).map(encodeExtensionRequest),
    ];
  },
  run(bytes) {
    const reader = new MessageReader();
    decoded(() =>
      inPieces(bytes, randomOf(bytes), (piece) => {
        reader.push(piece);
        for (let message = reader.next(); message !== undefined; message = reader.next()) {
          const { type, schema, body } = message;
          if (isExtensionRequest(type)) checkExtension(type, body);
          else checkPlain(type, schema, body);
        }
      }),
    );
  },
};

function checkPlain(type: number, schema: number, body: Uint8Array): void {
  const request = decoded(() => decodeClientRequest(type, schema, body));
  if (request === undefined || request.type === 'unknown') return;
  if ('parameters' in request && !areUsable(request.parameters)) return;
  const encoded = encodeClientRequest(canonical(request as ClientRequest));
  const again = decodeClientRequest(encoded[4], encoded[5], encoded.subarray(8));
  same(canonical(again as ClientRequest), canonical(request as ClientRequest), 'decoded again');
}

/** Floats that are whole travel as integers, and NaN as NULL (W6). */
function canonical(request: ClientRequest): ClientRequest {
  if (!('parameters' in request)) return request;
  return { ...request, parameters: request.parameters.map(canonicalValue) };
}

function canonicalValue(value: Value): Value {
  if (typeof value !== 'number') return value;
  if (Number.isNaN(value)) return null;
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value) : value;
}

function checkExtension(type: number, body: Uint8Array): void {
  const request = decoded(() => unpacked(decodeExtensionRequest(type, body)));
  if (request === undefined) return;
  const plain = canonicalExtension(request);
  const encoded = encodeExtensionRequest(plain);
  same(
    canonicalExtension(unpacked(decodeExtensionRequest(encoded[4], encoded.subarray(8)))),
    plain,
    'decoded again',
  );
}

function canonicalExtension(request: ExtensionRequest): ExtensionRequest {
  if (request.type !== 'run') return request;
  const statements = request.statements.map(({ sql, parameters }) => ({
    sql,
    parameters:
      parameters.kind === 'positional'
        ? { kind: parameters.kind, values: parameters.values.map(canonicalValue) }
        : {
            kind: parameters.kind,
            values: parameters.values.map(([name, value]): [string, Value] => [
              name,
              canonicalValue(value),
            ]),
          },
  }));
  return { ...request, statements };
}
