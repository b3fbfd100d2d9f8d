import { type Member, QuorateError, type Role } from '../base/index.ts';
import { type Fault, type FaultContext, shuffled } from './fault.ts';
import type { Machine } from './machine.ts';
import { eventually } from './waiting.ts';

const CALL_MS = 5_000;
const REPLACE_LIMIT_MS = 60_000;
/** Fewer would make each further fault an outage. */
const MEMBERS_MIN = 3;
const DONE = (): Promise<void> => Promise.resolve();

/** Leadership moves on request. */
export const transfer: Fault = async (context) => {
  const leader = await context.fleet.leader();
  if (leader === undefined) return undefined;
  context.note(`transfer from ${leader.name}`);
  context.leaderHit(leader);
  await tolerant(context, () =>
    context.fleet.admin.cluster.transfer(undefined, { timeoutMs: CALL_MS }),
  );
  return DONE;
};

/** A member gets another role, and the old one back; nodes with automatic roles may have other plans. */
export const role: Fault = async (context) => {
  const { fleet, random } = context;
  const machine = shuffled(random, present(context))[0];
  const leader = await fleet.leader();
  if (machine === undefined || machine === leader) return undefined;
  const assign = (wanted: Role): Promise<void> =>
    tolerant(context, async () => {
      const member = await fleet.memberOf(machine);
      if (member !== undefined)
        await fleet.admin.cluster.assign(member.id, wanted, { timeoutMs: CALL_MS });
    });
  const spared = random.float() >= 0.6;
  // A spare falls behind and needs a snapshot; C 1.11 sometimes never ends to install one while it takes its own.
  const wanted = spared && machine.kind === 'quorate' ? 'spare' : 'stand-by';
  context.note(`${machine.name} becomes ${wanted}`);
  await assign(wanted);
  return async () => {
    if (machine.absent) return;
    context.note(`${machine.name} becomes voter`);
    await assign('voter');
  };
};

/** A machine loses its disk and comes back as a new member; nothing else is scrapped before it is one. */
export const replace: Fault = async (context) => {
  const { fleet, random } = context;
  const machine = shuffled(random, present(context))[0];
  if (machine === undefined || machine.disk?.isFull === true) return undefined;
  if (!(await hasVoters(context))) return undefined;
  if ((await fleet.leader()) === machine) context.leaderHit(machine);
  context.note(`${machine.name} loses its disk`);
  await machine.process.stop('SIGKILL');
  machine.process.wipe();
  return () => comeBack(context, machine);
};

/** A member leaves the cluster and its machine is switched off; later it comes back as a new one. */
export const leave: Fault = async (context) => {
  const { fleet, random } = context;
  const machines = present(context);
  const machine = shuffled(random, machines)[0];
  if (machine === undefined || machines.length <= MEMBERS_MIN) return undefined;
  if ((await fleet.leader()) === machine) context.leaderHit(machine);
  context.note(`${machine.name} leaves`);
  if (!(await fleet.expel(machine))) {
    context.note(`${machine.name} could not leave`);
    return undefined;
  }
  machine.absent = true;
  await machine.process.stop('SIGTERM');
  machine.process.wipe();
  return async () => {
    context.note(`${machine.name} returns`);
    machine.absent = false;
    await comeBack(context, machine);
  };
};

/** An empty machine becomes a member, and its former self is none any more. What prevents it is a finding. */
async function comeBack(context: FaultContext, machine: Machine): Promise<void> {
  try {
    await rejoin(context, machine);
  } catch (error) {
    context.fleet.report(error instanceof Error ? error.message : String(error));
  }
}

async function rejoin(context: FaultContext, machine: Machine): Promise<void> {
  const { fleet } = context;
  if (fleet.manual) {
    if (!(await fleet.expel(machine))) {
      // Empty, under the id of a member, it must not run.
      machine.absent = true;
      fleet.report(`${machine.name} cannot be removed`);
      return;
    }
    machine.id = fleet.newId();
    if (!(await fleet.start(machine))) fleet.report(`${machine.name} did not start empty`);
    await fleet.enrol(machine);
    return;
  }
  const former = await formerId(context, machine);
  if (!(await fleet.start(machine))) fleet.report(`${machine.name} did not start empty`);
  await eventually(`${machine.name} to be a new member`, REPLACE_LIMIT_MS, async () => {
    const member = await fleet.memberOf(machine);
    return member !== undefined && member.id !== former && member.role !== 'spare';
  });
  context.note(`${machine.name} is a member again`);
}

/** With two voters the loss of one disk is the loss of the majority. */
async function hasVoters({ fleet }: FaultContext): Promise<boolean> {
  const voters: Member[] = [];
  try {
    voters.push(...(await fleet.members()).filter((member) => member.role === 'voter'));
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error;
  }
  return voters.length >= MEMBERS_MIN;
}

async function formerId(context: FaultContext, machine: Machine): Promise<bigint | undefined> {
  let id: bigint | undefined;
  await eventually('the members', REPLACE_LIMIT_MS, async () => {
    id = (await context.fleet.memberOf(machine))?.id;
    return true;
  });
  return id;
}

function present({ fleet }: FaultContext): Machine[] {
  return fleet.machines.filter((machine) => !machine.absent && machine.process.running);
}

/** Refusals are part of the game. */
async function tolerant(context: FaultContext, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error;
    context.note(`  refused: ${error.code}`);
  }
}
