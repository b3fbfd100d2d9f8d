/** Address in the WASM heap. */
export type Pointer = number;

/** The exports of sqlite3.wasm that this room calls, with their C meaning; 64-bit integers are BigInt. */
export interface SqliteExports {
  readonly __indirect_function_table: WebAssembly.Table;
  __wasm_call_ctors(): void;
  sqlite3_initialize(): number;
  sqlite3_libversion_number(): number;
  sqlite3_vfs_register(vfs: Pointer, makeDefault: number): number;
  sqlite3_malloc(bytes: number): Pointer;
  sqlite3_free(at: Pointer): void;

  sqlite3_open_v2(name: Pointer, out: Pointer, flags: number, vfs: Pointer): number;
  sqlite3_close_v2(db: Pointer): number;
  sqlite3_extended_result_codes(db: Pointer, on: number): number;
  sqlite3_extended_errcode(db: Pointer): number;
  sqlite3_errmsg(db: Pointer): Pointer;
  sqlite3_errstr(code: number): Pointer;
  sqlite3_error_offset(db: Pointer): number;
  sqlite3_exec(db: Pointer, sql: Pointer, call: Pointer, data: Pointer, error: Pointer): number;
  sqlite3_interrupt(db: Pointer): void;
  sqlite3_limit(db: Pointer, id: number, value: number): number;
  sqlite3_get_autocommit(db: Pointer): number;
  sqlite3_txn_state(db: Pointer, schema: Pointer): number;
  sqlite3_changes(db: Pointer): number;
  sqlite3_changes64(db: Pointer): bigint;
  sqlite3_total_changes(db: Pointer): number;
  sqlite3_total_changes64(db: Pointer): bigint;
  sqlite3_last_insert_rowid(db: Pointer): bigint;
  sqlite3_set_last_insert_rowid(db: Pointer, rowid: bigint): void;
  sqlite3_progress_handler(db: Pointer, operations: number, call: Pointer, data: Pointer): void;
  sqlite3_set_authorizer(db: Pointer, call: Pointer, data: Pointer): number;
  sqlite3__wasm_db_config_ip(db: Pointer, option: number, value: number, out: Pointer): number;
  sqlite3_create_function_v2(
    db: Pointer,
    name: Pointer,
    argumentCount: number,
    flags: number,
    data: Pointer,
    call: Pointer,
    step: Pointer,
    final: Pointer,
    destroy: Pointer,
  ): number;
  sqlite3_user_data(context: Pointer): Pointer;
  sqlite3_result_int64(context: Pointer, value: bigint): void;
  sqlite3_result_int(context: Pointer, value: number): void;
  sqlite3_result_text(context: Pointer, text: Pointer, bytes: number, destroy: number): void;
  sqlite3_result_error_toobig(context: Pointer): void;
  sqlite3_result_error_nomem(context: Pointer): void;
  sqlite3_value_type(value: Pointer): number;
  sqlite3_value_text(value: Pointer): Pointer;
  sqlite3_value_blob(value: Pointer): Pointer;
  sqlite3_value_bytes(value: Pointer): number;

  sqlite3_prepare_v3(
    db: Pointer,
    sql: Pointer,
    bytes: number,
    flags: number,
    out: Pointer,
    tail: Pointer,
  ): number;
  sqlite3_finalize(statement: Pointer): number;
  sqlite3_step(statement: Pointer): number;
  sqlite3_reset(statement: Pointer): number;
  sqlite3_clear_bindings(statement: Pointer): number;
  sqlite3_next_stmt(db: Pointer, statement: Pointer): Pointer;
  sqlite3_stmt_readonly(statement: Pointer): number;
  sqlite3_stmt_status(statement: Pointer, counter: number, reset: number): number;
  sqlite3_stmt_isexplain(statement: Pointer): number;
  sqlite3_bind_parameter_count(statement: Pointer): number;
  sqlite3_bind_parameter_name(statement: Pointer, index: number): Pointer;
  sqlite3_bind_null(statement: Pointer, index: number): number;
  sqlite3_bind_int(statement: Pointer, index: number, value: number): number;
  sqlite3_bind_int64(statement: Pointer, index: number, value: bigint): number;
  sqlite3_bind_double(statement: Pointer, index: number, value: number): number;
  sqlite3_bind_text(
    statement: Pointer,
    index: number,
    text: Pointer,
    bytes: number,
    destroy: number,
  ): number;
  sqlite3_bind_blob(
    statement: Pointer,
    index: number,
    blob: Pointer,
    bytes: number,
    destroy: number,
  ): number;
  sqlite3_bind_zeroblob(statement: Pointer, index: number, bytes: number): number;
  sqlite3_column_count(statement: Pointer): number;
  sqlite3_column_name(statement: Pointer, column: number): Pointer;
  sqlite3_column_decltype(statement: Pointer, column: number): Pointer;
  sqlite3_column_type(statement: Pointer, column: number): number;
  sqlite3_column_int64(statement: Pointer, column: number): bigint;
  sqlite3_column_double(statement: Pointer, column: number): number;
  sqlite3_column_text(statement: Pointer, column: number): Pointer;
  sqlite3_column_blob(statement: Pointer, column: number): Pointer;
  sqlite3_column_bytes(statement: Pointer, column: number): number;
}
