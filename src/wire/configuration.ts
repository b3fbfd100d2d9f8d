// The codec lives in base because raft, which may not import wire, reads configurations from log entries.
export { decodeConfiguration, encodeConfiguration } from '../base/index.ts';
