import { QuorateError } from '../base/index.ts';
import type { ChangeError } from '../raft/index.ts';

interface ErrorText {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
}

/** Codes and texts by client-protocol.md §10.3. */
const ERRORS: Readonly<Record<ChangeError, ErrorText>> = {
  'not-leader': { code: 'NOT_LEADER', message: 'server is not the leader', retryable: true },
  'leadership-lost': {
    code: 'LEADERSHIP_LOST',
    message: 'server has lost leadership',
    retryable: false,
  },
  'cannot-change': {
    code: 'CHANGE_IN_PROGRESS',
    message: 'a configuration change is already in progress',
    retryable: true,
  },
  'bad-id': { code: 'MEMBER_NOT_FOUND', message: 'server ID is not valid', retryable: false },
  'not-found': { code: 'MEMBER_NOT_FOUND', message: 'Resource not found', retryable: false },
  'bad-role': { code: 'BAD_ROLE', message: 'server role is not valid', retryable: false },
  'last-voter': {
    code: 'LAST_VOTER',
    message: 'no voter would be left',
    retryable: false,
  },
  'bad-address': {
    code: 'ADDRESS_TOO_LONG',
    message: 'server address is too long',
    retryable: false,
  },
  'too-many-members': {
    code: 'TOO_MANY_MEMBERS',
    message: 'the cluster has as many members as it can have',
    retryable: false,
  },
  'duplicate-id': {
    code: 'DUPLICATE_ID',
    message: 'server ID already in use',
    retryable: false,
  },
  'duplicate-address': {
    code: 'DUPLICATE_ADDRESS',
    message: 'server address already in use',
    retryable: false,
  },
  'no-connection': {
    code: 'NO_CONNECTION',
    message: 'no connection to remote server available',
    retryable: true,
  },
  'transfer-failed': {
    code: 'TRANSFER_FAILED',
    message: 'leadership transfer failed',
    retryable: true,
  },
};

export function changeError(error: ChangeError, leader: string | undefined): QuorateError {
  const { code, message, retryable } = ERRORS[error];
  const outcome = error === 'leadership-lost' ? 'unknown' : undefined;
  return new QuorateError(code, message, { retryable, leader, outcome });
}

interface Pending {
  resolve(): void;
  reject(error: QuorateError): void;
}

/** Membership changes and transfers that wait for the core's answer. */
export class Changes {
  readonly #pending = new Map<number, Pending>();
  #tag = 0;

  /** Calls `begin` with a fresh tag; resolves or rejects when `finish` is called with it. */
  run(begin: (tag: number) => void): Promise<void> {
    const tag = ++this.#tag;
    return new Promise((resolve, reject) => {
      this.#pending.set(tag, { resolve, reject });
      begin(tag);
    });
  }

  finish(tag: number, error: ChangeError | undefined, leader: string | undefined): void {
    const pending = this.#pending.get(tag);
    this.#pending.delete(tag);
    if (error === undefined) pending?.resolve();
    else pending?.reject(changeError(error, leader));
  }

  /** The node stops. */
  abandon(): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    const error = new QuorateError('NODE_STOPPED', 'the node is stopping', { outcome: 'unknown' });
    for (const one of pending) one.reject(error);
  }
}
