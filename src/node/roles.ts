import type { Member, NodeId, Role } from '../base/index.ts';

/** A member with what probing it told. */
export interface MemberState extends Member {
  readonly online: boolean;
  readonly failureDomain: bigint;
  /** Lower is preferred for promotion. */
  readonly weight: bigint;
}

export interface RoleTargets {
  /** Odd, at least 3. */
  readonly voters: number;
  readonly standBys: number;
}

/** Give `role` to the first of `candidates` that accepts it, then ask again. */
export interface RoleChange {
  readonly role: Role;
  readonly candidates: readonly NodeId[];
}

/** The next change that the leader should make (roles-and-app.md §3.2); undefined = all is as wanted. */
export function adjustRoles(
  members: readonly MemberState[],
  leader: NodeId,
  targets: RoleTargets,
): RoleChange | undefined {
  if (members.length === 1) return undefined;
  const having = (role: Role, online: boolean) =>
    members.filter((member) => member.role === role && member.online === online);
  const voters = having('voter', true);
  const standBys = having('stand-by', true);
  const spares = having('spare', true);
  const lostVoters = having('voter', false);
  const lostStandBys = having('stand-by', false);
  if (members.length < 3) {
    // Go makes them spares. A stand-by keeps receiving the log: the data is never on one disk alone.
    const others = [...voters, ...lostVoters].filter((member) => member.id !== leader);
    return change('stand-by', [...others, ...spares]);
  }
  const spread = spreadVoters(members, voters, [...standBys, ...spares]);
  if (spread !== undefined) return spread;
  if (voters.length < targets.voters) {
    return change('voter', byPreference([...standBys, ...spares], domains(voters)));
  }
  if (voters.length > targets.voters) {
    return change('spare', byCrowding(voters.filter((member) => member.id !== leader)));
  }
  if (lostVoters.length > 0) return change('spare', lostVoters);
  if (standBys.length < targets.standBys) {
    const promoted = change('stand-by', byPreference(spares, domains(standBys)));
    if (promoted !== undefined || lostStandBys.length === 0) return promoted;
  }
  if (standBys.length > targets.standBys) return change('spare', standBys);
  return change('spare', lostStandBys);
}

/** To whom a leaving member should give its role (roles-and-app.md §3.3). */
export function handoverRole(
  members: readonly MemberState[],
  self: NodeId,
): RoleChange | undefined {
  const me = members.find((member) => member.id === self);
  if (me === undefined || me.role === 'spare') return undefined;
  const others = members.filter((member) => member.id !== self && member.online);
  const spares = others.filter((member) => member.role === 'spare');
  const standBys = others.filter((member) => member.role === 'stand-by');
  const candidates = me.role === 'voter' ? [...standBys, ...spares] : spares;
  const same = others.filter((member) => member.role === me.role);
  return change(me.role, byPreference(candidates, domains(same)));
}

/** Rule 3: a failure domain without a voter gets one when another has two. */
function spreadVoters(
  members: readonly MemberState[],
  voters: readonly MemberState[],
  candidates: readonly MemberState[],
): RoleChange | undefined {
  const voting = domains(voters);
  const voterless = domains(members.filter((member) => member.online));
  for (const domain of voting) voterless.delete(domain);
  if (voterless.size === 0 || voting.size === voters.length) return undefined;
  const placed = candidates.filter((member) => voterless.has(member.failureDomain));
  return change('voter', byPreference(placed, voterless));
}

function domains(members: readonly MemberState[]): Set<bigint> {
  return new Set(members.map((member) => member.failureDomain));
}

/** Failure domains not in `used` first, then lower weight; otherwise as given. */
function byPreference(members: readonly MemberState[], used: ReadonlySet<bigint>): MemberState[] {
  return members.toSorted((a, b) => {
    const domain = Number(used.has(a.failureDomain)) - Number(used.has(b.failureDomain));
    return domain === 0 ? compare(a.weight, b.weight) : domain;
  });
}

/** Biggest failure domain first, inside it the highest weight (roles-and-app.md §3.5). */
function byCrowding(members: readonly MemberState[]): MemberState[] {
  const sizes = new Map<bigint, number>();
  for (const member of members) {
    sizes.set(member.failureDomain, (sizes.get(member.failureDomain) ?? 0) + 1);
  }
  const size = (member: MemberState) => sizes.get(member.failureDomain) ?? 0;
  return members.toSorted(
    (a, b) =>
      size(b) - size(a) || compare(a.failureDomain, b.failureDomain) || compare(b.weight, a.weight),
  );
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function change(role: Role, candidates: readonly MemberState[]): RoleChange | undefined {
  if (candidates.length === 0) return undefined;
  return { role, candidates: candidates.map((member) => member.id) };
}
