import {
  assert,
  type Configuration,
  encodeConfiguration,
  type LogIndex,
  type NodeId,
} from '../base/index.ts';
import { changeConfiguration } from './configuration-change.ts';
import type { ChangeError, MembershipChange } from './contract.ts';
import type { Core } from './core.ts';
import { type Leadership, refreshFollowers } from './leadership.ts';
import { replicate, replicateToAll } from './replication.ts';

const ROUNDS_MAX = 100;
const ROUND_MS_MAX = 50_000;

/** A member that catches up with the log before it becomes a voter (thesis §4.2.1). */
export interface Promotion {
  readonly id: NodeId;
  readonly tag: number;
  readonly change: MembershipChange;
  round: number;
  roundTarget: LogIndex;
  roundStartedAt: number;
}

function finish(core: Core, tag: number, error: ChangeError | undefined): void {
  core.effect({ kind: 'change-finished', tag, error });
}

/**
 * Starts a membership change. One at a time, and none before an entry of the own term is committed:
 * otherwise two configurations without a common majority could be in force.
 */
export function startChange(core: Core, change: MembershipChange, tag: number): void {
  const { leadership } = core;
  if (leadership === undefined || core.transfer !== undefined) {
    finish(core, tag, 'not-leader');
    return;
  }
  const busy =
    leadership.promotion !== undefined ||
    !core.configurations.committed ||
    core.commit < leadership.firstIndex;
  if (busy) {
    finish(core, tag, 'cannot-change');
    return;
  }
  const next = changeConfiguration(core.configurations.current, change);
  if (typeof next === 'string') finish(core, tag, next);
  else if (change.kind === 'assign' && change.role === 'voter' && mustCatchUp(core, change.id)) {
    startPromotion(core, leadership, change, tag);
  } else appendConfiguration(core, leadership, next, tag);
}

function mustCatchUp(core: Core, id: NodeId): boolean {
  if (id === core.id) return false;
  const match = core.leadership?.progress.get(id)?.match;
  return match !== core.log.lastIndex;
}

function startPromotion(
  core: Core,
  leadership: Leadership,
  change: MembershipChange,
  tag: number,
): void {
  leadership.promotion = {
    id: change.id,
    tag,
    change,
    round: 1,
    roundTarget: core.log.lastIndex,
    roundStartedAt: core.now,
  };
  refreshFollowers(core, leadership);
  const progress = leadership.progress.get(change.id);
  if (progress !== undefined) replicate(core, progress);
}

function appendConfiguration(
  core: Core,
  leadership: Leadership,
  configuration: Configuration,
  tag: number,
): void {
  assert(core.configurations.committed, 'two configuration changes at once');
  const data = encodeConfiguration(configuration);
  const index = core.append({ term: core.term, type: 'configuration', data }, configuration);
  leadership.change = { tag, index };
  refreshFollowers(core, leadership);
  replicateToAll(core, leadership);
}

/** The match index of a follower grew: perhaps it ends a round of its promotion. */
export function promotionProgressed(core: Core, leadership: Leadership): void {
  const { promotion } = leadership;
  if (promotion === undefined) return;
  const match = leadership.progress.get(promotion.id)?.match ?? 0;
  if (match < promotion.roundTarget) return;
  const tookMs = core.now - promotion.roundStartedAt;
  if (match === core.log.lastIndex || tookMs < core.electionTimeoutMs) {
    leadership.promotion = undefined;
    const next = changeConfiguration(core.configurations.current, promotion.change);
    assert(typeof next !== 'string', 'the member changed during its promotion');
    appendConfiguration(core, leadership, next, promotion.tag);
    return;
  }
  promotion.round++;
  promotion.roundTarget = core.log.lastIndex;
  promotion.roundStartedAt = core.now;
  if (promotion.round > ROUNDS_MAX) abandonPromotion(core, leadership);
}

/** When a promotion is given up if nothing happens before. */
export function promotionDeadline(leadership: Leadership): number {
  const { promotion } = leadership;
  return promotion === undefined
    ? Number.POSITIVE_INFINITY
    : promotion.roundStartedAt + ROUND_MS_MAX;
}

export function abandonPromotion(core: Core, leadership: Leadership): void {
  const { promotion } = leadership;
  if (promotion === undefined) return;
  leadership.promotion = undefined;
  refreshFollowers(core, leadership);
  finish(core, promotion.tag, 'no-connection');
}

/** The commit index grew: perhaps a change is complete. */
export function membershipCommitted(core: Core, leadership: Leadership): void {
  const { change } = leadership;
  if (change === undefined || core.commit < change.index) return;
  leadership.change = undefined;
  finish(core, change.tag, undefined);
}

/** Leadership ended: a change that is not committed may still become so, or be undone. */
export function failMembership(core: Core, leadership: Leadership): void {
  const { change, promotion } = leadership;
  leadership.change = undefined;
  leadership.promotion = undefined;
  if (change !== undefined) finish(core, change.tag, 'leadership-lost');
  if (promotion !== undefined) finish(core, promotion.tag, 'leadership-lost');
}
