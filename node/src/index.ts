export {
  type ConfigSources,
  type NodeConfig,
  type NodeConfigInput,
  nodeConfig,
  readConfig,
} from './config.ts';
export { NodeError, type NodeErrorCode } from './errors.ts';
export { diskFinding, examineNode, type Finding, readyFindings } from './examination.ts';
export { CONTROL_FILE, type Control, readControl } from './files/control-file.ts';
export { DataDirectory, type TrustAnchor } from './files/data-directory.ts';
export { BranchNode, type NodeSettings } from './node.ts';
export { NodeProgram, type ProgramPorts, REPLICATE_PATH } from './node-program.ts';
export type { DiskSpace, NodeLog, NodePorts } from './ports.ts';
export type {
  EventSubscription,
  IdentifiedEvent,
  MetricSample,
  NodeServices,
  TillIdentity,
  TillRow,
  WriteAnswer,
  WriteRequest,
} from './services.ts';
export { openStoppedNode, type StoppedNode } from './stopped-node.ts';
export { type CatalogRow, IMPORT_ROWS_MAX, type ImportResult } from './use-cases/import-catalog.ts';
export type { Difference } from './verify/row-difference.ts';
export {
  type ProjectionsVerified,
  type VerifyProjectionsOptions,
  verifyProjections,
} from './verify/verify-projections.ts';
export { SOFTWARE, VERSION } from './version.ts';
