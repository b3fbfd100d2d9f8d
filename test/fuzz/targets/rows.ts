import type { Value } from '../../../src/base/index.ts';
import { ExtensionRowsWriter, RowSetWriter, type RowsWriter } from '../../../src/wire/index.ts';

const encoder = new TextEncoder();

/** Batches of one result, two rows each: dqlite's row sets, or those of the extension. */
export function rowBatches(rows: readonly (readonly Value[])[], extension: boolean): Uint8Array[] {
  const writer: RowsWriter = extension ? new ExtensionRowsWriter() : new RowSetWriter();
  const columns = rows[0]?.map((_, i) => `column ${i}`) ?? ['only'];
  const batches: Uint8Array[] = [];
  writer.beginFirst(
    columns,
    columns.map((_, i) => ['', 'DATETIME', 'BOOLEAN', 'TEXT'][i % 4] ?? ''),
  );
  for (let at = 0; at < rows.length; at += 2) {
    if (at > 0) writer.beginNext();
    for (const row of rows.slice(at, at + 2)) {
      writer.beginRow();
      for (const value of row) writeValue(writer, value);
    }
    batches.push(writer.end(at + 2 < rows.length));
  }
  if (rows.length === 0) batches.push(writer.end(false));
  return batches;
}

function writeValue(writer: RowsWriter, value: Value): void {
  if (value === null) writer.null();
  else if (typeof value === 'bigint') writer.integer(value);
  else if (typeof value === 'number') writer.float(value);
  else if (typeof value === 'string') writer.text(encoder.encode(value));
  else writer.blob(value);
}
