import { printable } from '../base/index.ts';
import type { ParticipantStatus, Wait } from '../migrate/index.ts';
import { migrateLine, type Where } from './migrate-where.ts';

const SHOWN = 20;

/** What a wait is: who is waited for, and the command that would resolve it. */
export function waitLines(wait: Wait, where: Where): readonly string[] {
  const { migration, namespace, why, participants, commands } = wait;
  return [
    printable(`${migration} waits: ${why}`),
    ...participants.slice(0, SHOWN).map((each) => printable(`  for ${participantText(each)}`)),
    ...(participants.length > SHOWN ? [`  and ${participants.length - SHOWN} more`] : []),
    ...commands
      .slice(0, SHOWN)
      .map((words) => printable(`  $ ${migrateLine(words, namespace, where)}`)),
  ];
}

/** As `waitLines`, for programs. */
export function waitJson(wait: Wait, where: Where): object {
  const { namespace, migration, obstacle, why, participants, commands } = wait;
  return {
    ...{ namespace, migration, obstacle, why, participants },
    commands: commands.map((words) => migrateLine(words, namespace, where)),
  };
}

function participantText({ id, kind, release, knows, sinceMs }: ParticipantStatus): string {
  const code = release === '' ? '' : `release ${release}, `;
  return `${kind} ${id} (${code}knows up to ${knows}, since ${timeText(sinceMs)})`;
}

/** A time in UTC, to the second; '' for 0. */
export function timeText(ms: number): string {
  return ms > 0 ? new Date(ms).toISOString().replace('T', ' ').slice(0, 19) : '';
}
