/**
 * One end of a pair of first-in first-out queues between two threads (or, in the simulator and with
 * `threads: false`, between two objects). Messages are plain data that structured clone can carry.
 */
export interface Port<Out, In> {
  /** Sends a message. Buffers in `transfer` change owner and must not be used afterwards. */
  post(message: Out, transfer?: readonly ArrayBuffer[]): void;
  /** Called for each message that arrives, in order. Set once. */
  onMessage(handler: (message: In) => void): void;
  /**
   * Delivers what has already arrived, synchronously, without returning to the event loop:
   * how a thread inside a long SQLite call sees what concerns it (M8).
   */
  drain(): void;
  close(): void;
}
