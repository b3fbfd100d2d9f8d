import { ByteReader, logIndex } from '../../src/base/index.ts';
import type { RequestEnd, StatementResult } from '../../src/machine/index.ts';
import {
  decodeExtensionRequest,
  decodeExtensionResponse,
  type ExtensionRequest,
  type ExtensionStatement,
  type ExtensionWork,
  encodeExtensionResponse,
  encodeExtensionRun,
  type ReceivedRequest,
  readParameters,
  type StatementBatch,
} from '../../src/wire/index.ts';

const BATCH: ExtensionWork = {
  consistency: 'linearizable',
  kind: 'batch',
  mode: 'write',
  minimumIndex: logIndex(0),
  maxStalenessMs: undefined,
  maxStalenessEntries: undefined,
  declaration: '',
  database: '',
  statements: [],
};

/** The statements of a batch as they arrive. */
export function packed(statements: readonly ExtensionStatement[]): StatementBatch {
  const message = encodeExtensionRun(1, 0, 0, { ...BATCH, statements });
  const run = decodeExtensionRequest(message[4], message.subarray(8));
  if (run.type !== 'run' || !('runs' in run.statements)) throw new Error('not a batch');
  return run.statements;
}

/** A request as its sender wrote it. */
export function unpacked(request: ReceivedRequest): ExtensionRequest {
  if (request.type !== 'run') return request;
  const { statements } = request;
  if (!('runs' in statements)) return { ...request, statements: [statements] };
  const reader = new ByteReader(statements.parameters);
  return {
    ...request,
    statements: statements.runs.flatMap(({ sql, count }) =>
      Array.from({ length: count }, () => ({ sql, parameters: readParameters(reader) })),
    ),
  };
}

type ReadableEnd =
  | Exclude<RequestEnd, { readonly kind: 'done' }>
  | { readonly kind: 'done'; readonly results: readonly StatementResult[] };

/** The end of a request with its results as objects. */
export function readable(end: RequestEnd): ReadableEnd {
  if (end.kind !== 'done') return end;
  const { results } = end;
  if (!(results instanceof Uint8Array)) return { kind: 'done', results };
  const message = encodeExtensionResponse({
    type: 'end',
    request: 1,
    index: logIndex(0),
    nodeId: 0n,
    inTransaction: false,
    results,
  });
  const decoded = decodeExtensionResponse(message[4], message.subarray(8));
  if (decoded.type !== 'end') throw new Error('not an End');
  return { kind: 'done', results: decoded.results };
}
