import { once } from 'node:events';
import { createServer, connect as dial, type Socket } from 'node:net';
import process from 'node:process';
import { answerOrders } from './answering.ts';

/** A way to a server that takes time, in each direction. */
export interface DelayedLink {
  readonly listen: string;
  readonly target: string;
  readonly delayMs: number;
}

/** Below it a timer is too coarse: the loop turns until the time has come. */
const SPIN_MS = 2;

/** Delays bytes; how many fit on the way is not limited. As a process, so that nobody who is measured waits for its timers. */
async function main(text: string): Promise<void> {
  const links: readonly DelayedLink[] = JSON.parse(text);
  for (const { listen, target, delayMs } of links) {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
      const [host = '', port] = parts(target);
      const far = dial({ host, port, allowHalfOpen: true, noDelay: true });
      delayed(near, far, delayMs);
      delayed(far, near, delayMs);
    });
    const [host = '', port] = parts(listen);
    await once(server.listen(port, host), 'listening');
  }
  process.on('disconnect', () => process.exit(0));
  answerOrders(() => ({ answer: 'done' }));
}

function parts(address: string): [string | undefined, number] {
  const [host, port] = address.split(':');
  return [host, Number(port)];
}

/** Bytes and the end of `source` reach `destination` so much later. */
function delayed(source: Socket, destination: Socket, delayMs: number): void {
  const waiting: { readonly at: number; readonly bytes: Buffer | undefined }[] = [];
  let scheduled = false;
  const deliver = (): void => {
    scheduled = false;
    for (let head = waiting[0]; head !== undefined; head = waiting[0]) {
      const left = head.at - performance.now();
      if (left > 0) {
        scheduled = true;
        if (left > SPIN_MS) setTimeout(deliver, left - SPIN_MS / 2);
        else setImmediate(deliver);
        return;
      }
      waiting.shift();
      if (destination.destroyed) continue;
      if (head.bytes === undefined) destination.end();
      else destination.write(head.bytes);
    }
  };
  const take = (bytes: Buffer | undefined): void => {
    waiting.push({ at: performance.now() + delayMs, bytes });
    if (!scheduled) deliver();
  };
  source.on('data', take);
  source.on('end', () => take(undefined));
  source.on('error', () => destination.destroy());
  source.on('close', () => {
    if (!source.readableEnded) destination.destroy();
  });
}

await main(process.argv[2] ?? '[]');
