import { type Fault, type FaultContext, names, victims } from './fault.ts';
import type { Machine } from './machine.ts';

/** kill -9, and a start on the same directory. */
export const kill: Fault = (context) => down(context, 'SIGKILL');

/** SIGTERM, which must end the process in order, and a start on the same directory. */
export const terminate: Fault = (context) => down(context, 'SIGTERM');

async function down(
  context: FaultContext,
  signal: 'SIGKILL' | 'SIGTERM',
): Promise<(() => Promise<void>) | undefined> {
  const machines = await victims(context);
  if (machines.length === 0) return undefined;
  context.note(`${signal} ${names(machines)}`);
  await Promise.all(machines.map((machine) => stop(context, machine, signal)));
  return async () => {
    context.note(`start ${names(machines)}`);
    await Promise.all(machines.map((machine) => startAgain(context, machine)));
  };
}

async function stop(
  context: FaultContext,
  machine: Machine,
  signal: 'SIGKILL' | 'SIGTERM',
): Promise<void> {
  const code = await machine.process.stop(signal);
  if (signal === 'SIGTERM' && code !== 0 && machine.kind === 'quorate') {
    context.fleet.report(`${machine.name} ended with ${code} on SIGTERM`);
  }
}

/** A start that fails is a finding, except on a full disk. */
export async function startAgain(context: FaultContext, machine: Machine): Promise<void> {
  if (machine.absent || machine.process.running) return;
  if (await context.fleet.start(machine)) return;
  if (machine.disk?.isFull === true) context.note(`${machine.name} cannot start on a full disk`);
  else if (machine.kind === 'c') context.note(`${machine.name} did not start again`);
  else context.fleet.report(`${machine.name} did not start again`);
}

/** SIGSTOP and SIGCONT: the process stands still and does not know it. */
export const freeze: Fault = async (context) => {
  const machines = await victims(context);
  if (machines.length === 0) return undefined;
  context.note(`SIGSTOP ${names(machines)}`);
  for (const machine of machines) machine.process.pause();
  return () => {
    context.note(`SIGCONT ${names(machines)}`);
    for (const machine of machines) machine.process.resume();
    return Promise.resolve();
  };
};

/** The disk of one machine is full; the node may live on, or end and be started when there is room. */
export const fillDisk: Fault = async (context) => {
  const machines = (await victims(context)).filter(
    ({ disk, kind }) => disk?.isFull === false && kind === 'quorate',
  );
  if (machines.length === 0) return undefined;
  context.note(`disk full on ${names(machines)}`);
  for (const machine of machines) machine.disk?.fill();
  return async () => {
    context.note(`room on the disk of ${names(machines)}`);
    for (const machine of machines) machine.disk?.relieve();
    await Promise.all(machines.map((machine) => startAgain(context, machine)));
  };
};
