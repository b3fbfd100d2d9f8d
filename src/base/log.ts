export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Where a room reports what an operator should see. Fields are plain values. */
export type Logger = (
  level: LogLevel,
  message: string,
  fields?: Readonly<Record<string, string | number | bigint | boolean | undefined>>,
) => void;

/** Drops everything. */
export const silent: Logger = () => undefined;
