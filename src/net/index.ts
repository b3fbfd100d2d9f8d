export * from './address.ts';
export * from './clock.ts';
export * from './disk.ts';
export * from './random.ts';
export * from './sha256.ts';
export * from './tcp.ts';
export * from './threads.ts';
