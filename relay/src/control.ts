/** Replication by file, as a command on this machine asks the relay for it. */

import { RelayError } from './errors.ts';
import type { ControlActions } from './http/control-routes.ts';

export function controlActions(): ControlActions {
  const missing = async (): Promise<never> => {
    throw new RelayError('NOT_FOUND', 'bundles are not served yet');
  };
  return { exportBundle: missing, importBundle: missing };
}
