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
const MODULE_NAME = 'e';

/** What WASM calls, or what is called in WASM: 32-bit integers, and 64-bit ones as doubles. */
export type NumberFunction = (...args: number[]) => number;

interface FunctionType {
  readonly parameters: readonly number[];
  readonly results: readonly number[];
}

/**
 * Forwards one function and converts 64-bit integers to or from doubles, so that no BigInt is made on the way.
 * File offsets and most row values are far below 2^53.
 */
interface Adapter {
  readonly imported: FunctionType;
  readonly exported: FunctionType;
  /** Instruction for a parameter whose types differ. */
  readonly convertParameter: number;
  readonly convertResult: readonly number[];
}

/** An unsigned number as WebAssembly writes it (LEB128). */
function unsigned(value: number): number[] {
  const bytes = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function section(id: number, items: readonly (readonly number[])[]): number[] {
  const content = vector(items);
  return [id, ...unsigned(content.length), ...content];
}

function name(text: string): number[] {
  return vector([...Buffer.from(text)].map((byte) => [byte]));
}

function typeOf({ parameters, results }: FunctionType): number[] {
  return [
    0x60,
    ...vector(parameters.map((each) => [each])),
    ...vector(results.map((each) => [each])),
  ];
}

function bodyOf(adapter: Adapter, called: number): number[] {
  const { imported, exported, convertParameter, convertResult } = adapter;
  const code = [0];
  exported.parameters.forEach((type, i) => {
    code.push(0x20, i);
    if (type !== imported.parameters[i]) code.push(convertParameter);
  });
  code.push(0x10, ...unsigned(called), ...convertResult, 0x0b);
  return [...unsigned(code.length), ...code];
}

/** A module that imports a function for each adapter, by its number, and exports what adapts it by the same number. */
function moduleOf(adapters: readonly Adapter[]): WebAssembly.Module {
  const types = adapters.flatMap(({ imported, exported }) => [typeOf(imported), typeOf(exported)]);
  const imports = adapters.map((_, i) => [
    ...[...name(MODULE_NAME), ...name(`${i}`)],
    ...[0, ...unsigned(2 * i)],
  ]);
  const functions = adapters.map((_, i) => unsigned(2 * i + 1));
  const exports = adapters.map((_, i) => [...name(`${i}`), 0, ...unsigned(adapters.length + i)]);
  return new WebAssembly.Module(
    new Uint8Array([
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...section(TYPE_SECTION, types),
      ...section(IMPORT_SECTION, imports),
      ...section(FUNCTION_SECTION, functions),
      ...section(EXPORT_SECTION, exports),
      ...section(CODE_SECTION, adapters.map(bodyOf)),
    ]),
  );
}

/** Compiled modules by what they adapt: the next engine needs the same. */
const compiled = new Map<string, WebAssembly.Module>();

function instantiate(
  key: string,
  adapters: () => readonly Adapter[],
  targets: readonly unknown[],
): NumberFunction[] {
  let module = compiled.get(key);
  if (module === undefined) {
    module = moduleOf(adapters());
    compiled.set(key, module);
  }
  const imports = Object.fromEntries(targets.map((target, i) => [`${i}`, target]));
  const { exports } = new WebAssembly.Instance(module, { [MODULE_NAME]: imports });
  return targets.map((_, i) => exports[`${i}`] as NumberFunction);
}

/** Letters of a signature: result first, then parameters. `v` nothing, `i` i32, `k` i64 that JavaScript sees as a number. */
function typed(signature: string, long: number): FunctionType {
  const letters = [...signature.slice(1)];
  const typeOfLetter = (letter: string): number => (letter === 'k' ? long : I32);
  const results = signature[0] === 'v' ? [] : [typeOfLetter(signature[0])];
  return { parameters: letters.map(typeOfLetter), results };
}

/**
 * JavaScript functions in the function table of a module. An instance for each would take longer to make than
 * SQLite's own: those of one engine share one.
 */
export class TableFunctions {
  readonly #table: WebAssembly.Table;
  readonly #added: {
    readonly index: number;
    readonly signature: string;
    readonly call: unknown;
  }[] = [];

  constructor(table: WebAssembly.Table) {
    this.#table = table;
  }

  /** Returns the index, a C function pointer, which may be called after `link`. Results are 32-bit. */
  add(signature: string, call: NumberFunction): number {
    const index = this.#table.length;
    this.#table.grow(1);
    this.#added.push({ index, signature, call });
    return index;
  }

  /** Puts what was added into the table. */
  link(): void {
    const added = this.#added.splice(0);
    const adapters = (): Adapter[] =>
      added.map(({ signature }) => ({
        imported: typed(signature, F64),
        exported: typed(signature, I64),
        convertParameter: F64_CONVERT_I64_S,
        convertResult: [],
      }));
    const key = `table ${added.map(({ signature }) => signature).join(' ')}`;
    const linked = instantiate(
      key,
      adapters,
      added.map(({ call }) => call),
    );
    for (const [i, { index }] of added.entries()) this.#table.set(index, linked[i]);
  }
}

/** Exports with their 64-bit parameters and results as doubles; exact for safe integers. In the order of the signatures. */
export function doubleExports(
  calls: readonly { readonly signature: string; readonly call: unknown }[],
): NumberFunction[] {
  const adapters = (): Adapter[] =>
    calls.map(({ signature }) => ({
      imported: typed(signature, I64),
      exported: typed(signature, F64),
      convertParameter: I64_TRUNC_F64_S,
      convertResult: signature.startsWith('k') ? [F64_CONVERT_I64_S] : [],
    }));
  const key = `export ${calls.map(({ signature }) => signature).join(' ')}`;
  return instantiate(
    key,
    adapters,
    calls.map(({ call }) => call),
  );
}
