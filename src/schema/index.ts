export * from './checksum.ts';
export * from './declaration.ts';
export * from './manifest.ts';
export * from './rehearsal-report.ts';
export * from './request.ts';
export * from './rules.ts';
export * from './state.ts';
export * from './tables.ts';
