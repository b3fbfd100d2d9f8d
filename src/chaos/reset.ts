import type { Socket } from 'node:net';

/**
 * Ends a connection with a reset, or at once where that cannot be: Node fails to reset a socket whose end is under way,
 * keeps its handle for ever, and then the process spins when it should exit.
 */
export function reset(socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy();
  else socket.resetAndDestroy();
}
