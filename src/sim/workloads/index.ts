export { Client } from './client.ts';
export { expectQuorateError } from './expected-errors.ts';
export { type Lie, lying } from './lies.ts';
export { createTables, Mix } from './mix.ts';
export type { History } from './told.ts';
export type { Actor, Workload } from './workload.ts';
