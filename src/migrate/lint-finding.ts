/** What can be wrong with a migration; docs/migrations.md lists the codes. */
export type LintCode =
  | 'D1'
  | 'D2'
  | 'D3'
  | 'D4'
  | 'C1'
  | 'C2'
  | 'C3'
  | 'S1'
  | 'S2'
  | 'S3'
  | 'S4'
  | 'S5'
  | 'N1'
  | 'N2'
  | 'T1'
  | 'T2'
  | 'V1'
  | 'V2'
  | 'V3'
  | 'O1'
  | 'O2'
  | 'O3'
  | 'O4';

/** One thing that is wrong, or may be. */
export interface LintFinding {
  readonly code: LintCode;
  /** 'error': it will fail, lose data or break older code; 'warn': look at it; 'info': nothing is to be done. */
  readonly level: 'error' | 'warn' | 'info';
  readonly migration: string;
  /** From 1; undefined when it is about the whole migration. */
  readonly statement: number | undefined;
  readonly text: string;
  readonly fix: string;
}
