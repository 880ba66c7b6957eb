/** Where alarm rules, runbooks, dashboards and units of this release lie. */
import { fileURLToPath } from 'node:url';

export const operationsFolder = fileURLToPath(new URL('../operations', import.meta.url));
