export * from './contract.ts';
export { Raft } from './raft.ts';
