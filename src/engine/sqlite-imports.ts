import type { EngineOptions } from './contract.ts';

const ENOSYS = 52;
/** What the module declares; a larger memory is refused. */
const MEMORY_PAGES_MAX = 32768;
const MEMORY_PAGES_INITIAL = 128;
const WASM_PAGE_BYTES = 65536;
const GROWTH_BYTES_MAX = 96 * 1024 * 1024;

type Imports = Record<string, Record<string, unknown>>;
type ImportedFunctions = readonly { readonly module: string; readonly name: string }[];

/** Asked once per module: the answer is a list made anew each time. */
const functionsOf = new WeakMap<WebAssembly.Module, ImportedFunctions>();

function importedFunctions(module: WebAssembly.Module): ImportedFunctions {
  const known = functionsOf.get(module);
  if (known !== undefined) return known;
  const functions = WebAssembly.Module.imports(module).filter(({ kind }) => kind === 'function');
  functionsOf.set(module, functions);
  return functions;
}

/**
 * What sqlite3.wasm asks of its surroundings: memory and time. Every file, directory and environment call is
 * answered with "not supported": SQL cannot reach the real file system.
 */
export function sqliteImports(
  module: WebAssembly.Module,
  options: EngineOptions,
): { readonly imports: Imports; readonly memory: WebAssembly.Memory } {
  const memory = new WebAssembly.Memory({
    initial: MEMORY_PAGES_INITIAL,
    maximum: MEMORY_PAGES_MAX,
  });
  const env: Record<string, unknown> = { memory };
  const wasi: Record<string, unknown> = {};
  for (const { module: from, name } of importedFunctions(module)) {
    if (from === 'env') env[name] = () => -ENOSYS;
    else wasi[name] = () => ENOSYS;
  }
  const wallMs = (): number => Math.floor(options.clock.wallMs());
  env.emscripten_date_now = wallMs;
  env.emscripten_get_now = wallMs;
  env.emscripten_get_heap_max = () => MEMORY_PAGES_MAX * WASM_PAGE_BYTES;
  env.emscripten_resize_heap = (bytes: number) => (grow(memory, bytes >>> 0) ? 1 : 0);
  env._tzset_js = () => undefined;
  env._localtime_js = (seconds: bigint, at: number) => {
    writeLocalTime(new Int32Array(memory.buffer, at, 10), Number(seconds));
  };
  wasi.clock_time_get = (_clock: number, _precision: bigint, at: number) => {
    new DataView(memory.buffer).setBigInt64(at, BigInt(wallMs()) * 1_000_000n, true);
    return 0;
  };
  wasi.environ_sizes_get = (count: number, bytes: number) => {
    const view = new DataView(memory.buffer);
    view.setInt32(count, 0, true);
    view.setInt32(bytes, 0, true);
    return 0;
  };
  wasi.environ_get = () => 0;
  return { imports: { env, wasi_snapshot_preview1: wasi }, memory };
}

function grow(memory: WebAssembly.Memory, wanted: number): boolean {
  const limit = MEMORY_PAGES_MAX * WASM_PAGE_BYTES;
  const before = memory.buffer.byteLength;
  if (wanted > limit) return false;
  const target = Math.min(limit, Math.max(wanted, before + Math.min(before / 5, GROWTH_BYTES_MAX)));
  try {
    memory.grow(Math.ceil((target - before) / WASM_PAGE_BYTES));
    return true;
  } catch {
    return false;
  }
}

/** struct tm, for the modifier 'localtime'. */
function writeLocalTime(out: Int32Array, seconds: number): void {
  const date = new Date(seconds * 1000);
  const newYear = new Date(date.getFullYear(), 0, 1);
  out[0] = date.getSeconds();
  out[1] = date.getMinutes();
  out[2] = date.getHours();
  out[3] = date.getDate();
  out[4] = date.getMonth();
  out[5] = date.getFullYear() - 1900;
  out[6] = date.getDay();
  out[7] = Math.floor((date.getTime() - newYear.getTime()) / 86_400_000);
  out[8] = 0;
  out[9] = -date.getTimezoneOffset() * 60;
}
