import { type Configuration, LIMITS, type Member, utf8 } from '../base/index.ts';
import type { ChangeError, MembershipChange } from './contract.ts';

/**
 * The configuration after a change, or the reason why it is refused (client-protocol.md §10.3).
 * A configuration without any voter could never change again and is refused too.
 */
export function changeConfiguration(
  configuration: Configuration,
  change: MembershipChange,
): Configuration | ChangeError {
  const { members } = configuration;
  const { id } = change;
  if (change.kind === 'add') {
    if (id === 0n || change.address === '' || change.address.includes('\0')) return 'bad-id';
    // A configuration travels in the header of a message and lies beside each snapshot, where there is no room for more.
    if (utf8(change.address).length > LIMITS.addressBytes) return 'bad-address';
    if (members.length >= LIMITS.members) return 'too-many-members';
    if (members.some((member) => member.id === id)) return 'duplicate-id';
    if (members.some((member) => member.address === change.address)) return 'duplicate-address';
    return { members: [...members, { id, address: change.address, role: 'spare' }] };
  }
  const member = members.find((known) => known.id === id);
  if (change.kind === 'remove') {
    if (member === undefined) return 'bad-id';
    return withVoter(members.filter((known) => known.id !== id)) ?? 'last-voter';
  }
  if (member === undefined) return 'not-found';
  const { role } = change;
  if (member.role === role) return 'bad-role';
  return (
    withVoter(members.map((known) => (known.id === id ? { ...known, role } : known))) ??
    'last-voter'
  );
}

function withVoter(members: readonly Member[]): Configuration | undefined {
  return members.some((member) => member.role === 'voter') ? { members } : undefined;
}
