/** A running cryptographic hash. */
export interface Hash {
  update(bytes: Uint8Array): void;
  /** The digest; the object must not be used afterwards. */
  digest(): Uint8Array;
}

/** Starts a hash; rooms get it injected because the platform has the fast implementations. */
export type HashFactory = () => Hash;
