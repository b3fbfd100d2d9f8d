import process from 'node:process';

/** What one process tells about itself. */
export interface ProcessSample {
  readonly rssBytes: number;
  readonly heapBytes: number;
  /** Outside the heap of the main thread, array buffers among them. */
  readonly externalBytes: number;
  readonly role: string;
  readonly applied: number;
  readonly logBytes: number;
  readonly snapshots: number;
}

/** Memory of this process. */
export function ownMemory(): Pick<ProcessSample, 'rssBytes' | 'heapBytes' | 'externalBytes'> {
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rssBytes: rss, heapBytes: heapUsed, externalBytes: external };
}

export function isProcessSample(value: unknown): value is ProcessSample {
  return typeof value === 'object' && value !== null && 'rssBytes' in value && 'role' in value;
}
