export { Client, type ClientTime } from './client.ts';
export { expectQuorateError } from './expected-errors.ts';
export { LIES, type Lie, lying } from './lies.ts';
export { createTables, Mix, WORKLOAD_NAMES } from './mix.ts';
export { observed } from './observed.ts';
export type { ParticipantHost } from './schema-copy.ts';
export { UPGRADES_SUBJECT } from './schema-upgrades.ts';
export type { History } from './told.ts';
export type { Actor, PlainFate, PlainSession, Workload } from './workload.ts';
