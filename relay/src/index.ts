export type { DeviceDetail, DeviceRow, DeviceState, FeedLag } from '@branchline/pages';
export {
  BRANCHES_PER_CALL_MAX,
  type BranchRequests,
  type BranchToken,
  parseBranchRequests,
} from './branches.ts';
export {
  type RelayConfig,
  type RelayConfigInput,
  type RelayConfigSources,
  readRelayConfig,
} from './config.ts';
export { controlActions } from './control.ts';
export { RelayError, type RelayErrorCode } from './errors.ts';
export { EventLog, type NumberedEvent, type RelayEvent } from './event-log.ts';
export type { RelaySummary } from './http/app.ts';
export { type Initialised, initRelay } from './init.ts';
export type { NodeReport } from './node-report.ts';
export { operationsFolder } from './operations-folder.ts';
export { REPLICATE_PATH } from './peers.ts';
export type { RelayPorts } from './ports.ts';
export { Relay } from './relay.ts';
export { RelayCore } from './relay-core.ts';
export { Sessions, type SessionsOptions } from './sessions.ts';
export { SOFTWARE, VERSION } from './version.ts';
