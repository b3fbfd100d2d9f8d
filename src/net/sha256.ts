import { createHash } from 'node:crypto';
import type { HashFactory } from '../base/index.ts';

/** SHA-256 of the platform. */
export const sha256: HashFactory = () => {
  const hash = createHash('sha256');
  return {
    update: (bytes) => {
      hash.update(bytes);
    },
    digest: () => new Uint8Array(hash.digest()),
  };
};
