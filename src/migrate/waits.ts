import type {
  NamespaceStatus,
  Obstacle,
  ParticipantStatus,
  PendingStatus,
  Wait,
} from '../client/index.ts';

export type { Obstacle, Wait };

/** Attempts after which a migration is not tried again by itself (`machine/schema-readiness.ts`). */
const ATTEMPTS_MAX = 3;

/**
 * What the next migrations of a namespace wait for. `members`: ids of the members of the cluster, when they are known; nodes that are
 * none do not count.
 */
export function waitsOf(status: NamespaceStatus, members?: ReadonlySet<string>): readonly Wait[] {
  return status.pending.flatMap((pending) => waitsOfOne(status, pending, members));
}

function waitsOfOne(
  { namespace, participants, controls }: NamespaceStatus,
  { name, kind, blockedBy, attempts, error, openTasks = [] }: PendingStatus,
  members: ReadonlySet<string> | undefined,
): Wait[] {
  const waits: Wait[] = [];
  const add = (
    obstacle: Obstacle,
    why: string,
    commands: readonly (readonly string[])[],
    who: readonly ParticipantStatus[] = [],
  ): void => {
    waits.push({ namespace, migration: name, obstacle, participants: who, why, commands });
  };
  const { hold } = controls;
  if (hold !== undefined) {
    add('hold', `an operator holds all migrations${hold === '' ? '' : ` (${hold})`}`, [
      ['release'],
    ]);
  }
  const barrier = kind === 'contract' || kind === 'breaking';
  const finalized = controls.finalized === '*' || controls.finalized === name;
  if (barrier && controls['finalize-policy'] === 'manual' && !finalized) {
    add('finalize', 'it breaks older code, and an operator has to allow that', [
      ['finalize', name],
    ]);
  }
  if (attempts >= ATTEMPTS_MAX) {
    add('repair', `it failed ${attempts} times, the last time with: ${error}`, [['repair', name]]);
  }
  for (const task of openTasks) {
    const counts = (id: string): boolean => members?.has(id) !== false && task.nodes.includes(id);
    const late = participants.filter(({ id, kind: of }) => of === 'node' && counts(id));
    if (late.length === 0 && task.nodes.length > 0) continue;
    const commands = late.map(({ id }) => ['exclude', id]);
    const why = `the task ${task.name} comes first and is not done; its programs tell why it fails (event task)`;
    add('task', why, commands, late);
  }
  const who = participants.filter(
    (each) =>
      blockedBy.includes(each.id) && (each.kind !== 'node' || members?.has(each.id) !== false),
  );
  if (who.length > 0) {
    const commands = who.map(({ id }) => ['exclude', id]);
    add(
      'older-code',
      'their code would break; upgrade them, or exclude who is gone',
      commands,
      who,
    );
  }
  return waits;
}
