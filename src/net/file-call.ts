import { DiskError } from '../base/index.ts';

type Done<T> = (error: NodeJS.ErrnoException | null, value?: T) => void;

/** Runs one call of `node:fs` in callback form; a failure becomes a DiskError that says `what` failed. */
export function call<T>(what: string, run: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const done = (error: NodeJS.ErrnoException | null, value?: T): void => {
      if (error) reject(diskError(error, what));
      else resolve(value as T);
    };
    try {
      run(done);
    } catch (error) {
      reject(diskError(error, what));
    }
  });
}

/** A DiskError with the operating system's code; `what` completes the sentence "cannot …". */
function diskError(error: unknown, what: string): DiskError {
  if (error instanceof DiskError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  return new DiskError(code ?? 'EIO', `cannot ${what}: ${message}`, error);
}

export function notFound(error: unknown): boolean {
  return error instanceof DiskError && error.code === 'ENOENT';
}
