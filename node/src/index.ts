export { NodeError, type NodeErrorCode } from './errors.ts';
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
