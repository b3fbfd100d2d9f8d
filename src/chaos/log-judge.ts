/** Errors that a node must report under the faults of the harness. */
const EXPECTED: readonly RegExp[] = [
  // The harness fills the disk.
  /ENOSPC|no space|disk (is )?full|DISK_FULL/i,
];

/** What is wrong with a line that a node wrote on standard error; undefined when it may be there. */
export function complaint(line: string): string | undefined {
  if (line.trim() === '' || EXPECTED.some((pattern) => pattern.test(line))) return undefined;
  const level = levelOf(line);
  if (level === undefined) return `unexpected on standard error: ${line}`;
  return level === 'error' ? `an error in the log: ${line}` : undefined;
}

function levelOf(line: string): string | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const record: unknown = JSON.parse(line);
    return typeof record === 'object' && record !== null && 'level' in record
      ? String(record.level)
      : undefined;
  } catch {
    return undefined;
  }
}
