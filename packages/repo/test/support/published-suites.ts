/** automerge-repo's own acceptance suites, loaded with their runner's name standing for ours. */
import '@automerge/automerge-repo';
import { register } from 'node:module';
import type { NetworkAdapterInterface, StorageAdapterInterface } from '@automerge/automerge-repo';

const words = new URL('./vitest-words.ts', import.meta.url).href;
const hooks = `export const resolve = (specifier, context, next) =>
  specifier === 'vitest' ? { url: ${JSON.stringify(words)}, shortCircuit: true } : next(specifier, context);`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);

const storage = await import('@automerge/automerge-repo/helpers/tests/storage-adapter-tests.js');
const network = await import('@automerge/automerge-repo/helpers/tests/network-adapter-tests.js');

type Adapters = readonly [NetworkAdapterInterface, NetworkAdapterInterface, NetworkAdapterInterface];

export const runStorageAdapterTests: (
  setup: () => Promise<{ adapter: StorageAdapterInterface; teardown?: () => void | Promise<void> }>,
  title: string,
) => void = storage.runStorageAdapterTests;

export const runNetworkAdapterTests: (
  setup: () => Promise<{ adapters: Adapters; teardown?: () => void }>,
  title: string,
) => void = network.runNetworkAdapterTests as never;
