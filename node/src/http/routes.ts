/** Every route of the node that answers with JSON, in the order they are matched: the sale comes first. */
import type { Route } from './route.ts';
import { catalogRoutes } from './routes/catalog.ts';
import { conflictRoutes } from './routes/conflicts.ts';
import { customerRoutes } from './routes/customers.ts';
import { employeeRoutes } from './routes/employees.ts';
import { healthRoutes } from './routes/health.ts';
import { loyaltyRoutes } from './routes/loyalty.ts';
import { maintenanceRoutes } from './routes/maintenance.ts';
import { orderRoutes } from './routes/orders.ts';
import { outboxRoutes } from './routes/outbox.ts';
import { pricingRoutes } from './routes/pricing.ts';
import { productRoutes } from './routes/products.ts';
import { receiptRoutes } from './routes/receipts.ts';
import { reportRoutes } from './routes/reports.ts';
import { shiftRoutes } from './routes/shifts.ts';
import { stockRoutes } from './routes/stock.ts';
import { syncRoutes } from './routes/sync.ts';
import { tillRoutes } from './routes/tills.ts';

export const jsonRoutes: readonly Route[] = [
  ...orderRoutes,
  ...receiptRoutes,
  ...shiftRoutes,
  ...reportRoutes,
  ...outboxRoutes,
  ...pricingRoutes,
  ...productRoutes,
  ...catalogRoutes,
  ...conflictRoutes,
  ...stockRoutes,
  ...customerRoutes,
  ...loyaltyRoutes,
  ...syncRoutes,
  ...tillRoutes,
  ...employeeRoutes,
  ...maintenanceRoutes,
  ...healthRoutes,
];
