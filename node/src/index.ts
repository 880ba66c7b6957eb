export type { NodeErrorCode } from './errors.ts';
export { NodeError } from './errors.ts';
export type {
  Customer,
  CustomerChange,
  MetricSample,
  NodeEvent,
  NodeServices,
  Order,
  PlaceOrder,
  Product,
  ProductChange,
  StockCount,
  StockLevel,
  StockReceipt,
  SyncMode,
  SyncStatus,
  TillIdentity,
  TillRole,
  WriteAnswer,
  WriteRequest,
} from './services.ts';
