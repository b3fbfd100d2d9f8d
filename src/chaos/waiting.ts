const RETRY_MS = 200;

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Tries again and again until it is true; an error means not yet. Throws with the last error when the time is over. */
export async function eventually(
  what: string,
  limitMs: number,
  attempt: () => Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  let cause: unknown;
  for (;;) {
    try {
      if (await attempt()) return;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadline) {
      const reason = cause instanceof Error ? `: ${cause.message}` : '';
      throw new Error(`waited ${limitMs} ms for ${what}${reason}`, { cause });
    }
    await pause(RETRY_MS);
  }
}
