export * from './contract.ts';
export { compileSqlite, createEngine } from './create-engine.ts';
export { Overlay } from './overlay.ts';
