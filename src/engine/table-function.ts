/** Letters of a signature: result first, then parameters. `v` nothing, `i` i32, `k` i64 that JavaScript sees as a number. */
const I32 = 0x7f;
const I64 = 0x7e;
const F64 = 0x7c;
const TYPE_SECTION = 1;
const IMPORT_SECTION = 2;
const FUNCTION_SECTION = 3;
const EXPORT_SECTION = 7;
const CODE_SECTION = 10;
const F64_CONVERT_I64_S = 0xb9;
const I64_TRUNC_F64_S = 0xb0;

/** What WASM calls, or what is called in WASM: 32-bit integers, and 64-bit ones as doubles. */
export type NumberFunction = (...args: number[]) => number;

function section(id: number, content: readonly number[]): number[] {
  return [id, content.length, ...content];
}

/**
 * A module that forwards one function and converts 64-bit integers to or from doubles, so that no BigInt is
 * made on the way. File offsets and most row values are far below 2^53.
 */
function adapter(
  imported: readonly number[],
  exported: readonly number[],
  results: { readonly imported: readonly number[]; readonly exported: readonly number[] },
  convertParameter: number,
  convertResult: readonly number[],
): Uint8Array {
  const body = [0];
  exported.forEach((type, i) => {
    body.push(0x20, i);
    if (type !== imported[i]) body.push(convertParameter);
  });
  body.push(0x10, 0, ...convertResult, 0x0b);
  const type = (parameters: readonly number[], result: readonly number[]): number[] => [
    0x60,
    parameters.length,
    ...parameters,
    result.length,
    ...result,
  ];
  return new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(TYPE_SECTION, [
      2,
      ...type(imported, results.imported),
      ...type(exported, results.exported),
    ]),
    ...section(IMPORT_SECTION, [1, 1, 0x65, 1, 0x66, 0, 0]),
    ...section(FUNCTION_SECTION, [1, 1]),
    ...section(EXPORT_SECTION, [1, 1, 0x67, 0, 1]),
    ...section(CODE_SECTION, [1, body.length, ...body]),
  ]);
}

/** Compiled adapters by kind and signature: an engine needs few of them, many times, and so does the next engine. */
const compiled = new Map<string, WebAssembly.Module>();

function instantiate(key: string, bytes: () => Uint8Array, target: unknown): NumberFunction {
  let module = compiled.get(key);
  if (module === undefined) {
    module = new WebAssembly.Module(bytes());
    compiled.set(key, module);
  }
  const instance = new WebAssembly.Instance(module, { e: { f: target } });
  return instance.exports.g as NumberFunction;
}

/** Puts a JavaScript function into the function table of a module; returns its index, a C function pointer. */
export function addTableFunction(
  table: WebAssembly.Table,
  signature: string,
  call: NumberFunction | ((...args: number[]) => void),
): number {
  const bytes = (): Uint8Array => {
    const letters = [...signature.slice(1)];
    const exported = letters.map((letter) => (letter === 'k' ? I64 : I32));
    const imported = letters.map((letter) => (letter === 'k' ? F64 : I32));
    const result = signature[0] === 'v' ? [] : [I32];
    const results = { imported: result, exported: result };
    return adapter(imported, exported, results, F64_CONVERT_I64_S, []);
  };
  const index = table.length;
  table.grow(1);
  table.set(index, instantiate(`table ${signature}`, bytes, call));
  return index;
}

/** An export with its 64-bit parameters and result as doubles; exact for safe integers. */
export function doubleExport(call: unknown, signature: string): NumberFunction {
  const bytes = (): Uint8Array => {
    const letters = [...signature.slice(1)];
    const exported = letters.map((letter) => (letter === 'k' ? F64 : I32));
    const imported = letters.map((letter) => (letter === 'k' ? I64 : I32));
    const long = signature[0] === 'k';
    const results = { imported: [long ? I64 : I32], exported: [long ? F64 : I32] };
    const convert = long ? [F64_CONVERT_I64_S] : [];
    return adapter(imported, exported, results, I64_TRUNC_F64_S, convert);
  };
  return instantiate(`export ${signature}`, bytes, call);
}
