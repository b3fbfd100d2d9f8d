import type { Figures } from './figures.ts';
import type { WorkName } from './works.ts';

/** What the bench asks of one of its processes. */
export type Order =
  | {
      readonly order: 'load';
      readonly work: WorkName;
      readonly clients: number;
      readonly seconds: number;
      readonly warmUpSeconds: number;
      /** Operations each second, begun at their times; absent: as fast as it goes. */
      readonly perSecond?: number;
      readonly consistency?: 'linearizable' | 'lease' | 'local';
    }
  | { readonly order: 'run'; readonly sql: readonly string[] }
  | { readonly order: 'usage' }
  | { readonly order: 'leads' }
  | { readonly order: 'version' };

/** What a process has used so far. */
export interface Usage {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

export type Answer =
  | { readonly answer: 'figures'; readonly figures: Figures }
  | { readonly answer: 'usage'; readonly usage: Usage }
  | { readonly answer: 'leads'; readonly leads: boolean }
  | { readonly answer: 'version'; readonly version: string }
  | { readonly answer: 'done' }
  | { readonly answer: 'failed'; readonly message: string };
