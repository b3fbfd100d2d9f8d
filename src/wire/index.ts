export * from './configuration.ts';
export * from './crc32.ts';
export * from './entries.ts';
export * from './metadata.ts';
export * from './snapshot-meta.ts';
