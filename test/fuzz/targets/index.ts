import type { Target } from '../target.ts';
import { clientRequestsTarget } from './client-requests.ts';
import { clientResponsesTarget } from './client-responses.ts';
import {
  commandTarget,
  configurationTarget,
  metadataTarget,
  pageOneTarget,
  snapshotMetaTarget,
} from './formats.ts';
import { lz4BlockTarget, lz4FrameTarget } from './lz4.ts';
import { raftStreamTarget } from './raft-stream.ts';
import { segmentsTarget } from './segments.ts';
import { snapshotContentTarget } from './snapshot-content.ts';

/** Everything that is fuzzed. */
export const TARGETS: readonly Target[] = [
  clientRequestsTarget,
  clientResponsesTarget,
  raftStreamTarget,
  commandTarget,
  configurationTarget,
  metadataTarget,
  snapshotMetaTarget,
  snapshotContentTarget,
  segmentsTarget,
  lz4FrameTarget,
  lz4BlockTarget,
  pageOneTarget,
];
