/**
 * The fewest items with which a test still says yes, by delta debugging: leaves out ever smaller pieces of the list, then
 * single items, until none can be spared. It is asked about shorter lists only, the empty one first: the whole list is known to do. A
 * test that has had enough says no from then on; the result is then the shortest list that it said yes to.
 */
export async function shrinkList<T>(
  items: readonly T[],
  stillFails: (kept: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  if (items.length === 0 || (await stillFails([]))) return [];
  let kept = items;
  let pieces = 2;
  while (kept.length > 1) {
    const size = Math.ceil(kept.length / pieces);
    const smaller = await withoutOne(kept, size, stillFails);
    if (smaller !== undefined) {
      kept = smaller;
      pieces = Math.max(2, pieces - 1);
    } else if (size === 1) break;
    else pieces = Math.min(kept.length, pieces * 2);
  }
  return kept;
}

/** The list without one piece of that size; undefined when all pieces are needed. */
async function withoutOne<T>(
  items: readonly T[],
  size: number,
  stillFails: (kept: readonly T[]) => Promise<boolean>,
): Promise<readonly T[] | undefined> {
  // From the end: what comes late matters less often.
  for (let end = items.length; end > 0; end -= size) {
    const rest = [...items.slice(0, Math.max(0, end - size)), ...items.slice(end)];
    if (rest.length > 0 && (await stillFails(rest))) return rest;
  }
  return undefined;
}
