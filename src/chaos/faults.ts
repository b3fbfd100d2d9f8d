import type { Fault } from './fault.ts';
import { leave, replace, role, transfer } from './member-faults.ts';
import { halfOpen, partition, reset, slow } from './network-faults.ts';
import { fillDisk, freeze, kill, terminate } from './process-faults.ts';

/**
 * What can be asked for by name. Faults of one group happen one after another, the groups overlap: while a link is cut
 * a process is killed. Those that take a disk or a vote away are in one group: never are two machines without theirs, which
 * no cluster of three survives.
 */
export const FAULT_GROUPS: Readonly<Record<string, Readonly<Record<string, Fault>>>> = {
  machines: {
    kill,
    pause: freeze,
    terminate,
    'half-open': halfOpen,
    disk: fillDisk,
    replace,
    leave,
    role,
  },
  network: { partition, slow, reset },
  leadership: { transfer },
};

/** Short names for several. */
const SETS: Readonly<Record<string, readonly string[]>> = {
  member: ['replace', 'leave', 'role'],
};

export const FAULT_NAMES: readonly string[] = [
  ...Object.values(FAULT_GROUPS).flatMap((group) => Object.keys(group)),
  ...Object.keys(SETS),
];

/** The faults of a comma-separated list. Throws for a name that does not exist. */
export function chooseFaults(list: string): ReadonlySet<string> {
  const chosen = new Set<string>();
  for (const name of list.split(',').map((text) => text.trim())) {
    if (!FAULT_NAMES.includes(name)) {
      throw new Error(`there is no fault "${name}"; there are ${FAULT_NAMES.join(', ')}`);
    }
    for (const member of SETS[name] ?? [name]) chosen.add(member);
  }
  return chosen;
}
