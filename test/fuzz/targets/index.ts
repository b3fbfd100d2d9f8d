import type { Target } from '../target.ts';
import { clientLinkTarget } from './client-link.ts';
import { clientRequestsTarget } from './client-requests.ts';
import { clientResponsesTarget } from './client-responses.ts';
import { databasePagesTarget } from './database-pages.ts';
import { directoryTarget } from './directory.ts';
import {
  commandTarget,
  configurationTarget,
  metadataTarget,
  pageOneTarget,
  snapshotMetaTarget,
} from './formats.ts';
import { identityTarget } from './identity.ts';
import { lz4BlockTarget, lz4FrameTarget } from './lz4.ts';
import { raftCoreTarget } from './raft-core.ts';
import { raftStreamTarget } from './raft-stream.ts';
import { segmentsTarget } from './segments.ts';
import { sessionTarget } from './session.ts';
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
  identityTarget,
  directoryTarget,
  databasePagesTarget,
  sessionTarget,
  clientLinkTarget,
  raftCoreTarget,
];
