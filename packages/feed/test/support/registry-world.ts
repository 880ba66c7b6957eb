/** A registry nobody has applied anything to, and the runs of its feed, one entry each. */
import { ManualClock, makeStamp, type Stamp } from 'hlc-ts';
import { Authority } from '../../src/authority.ts';
import { generateDeviceKey } from '../../src/identity.ts';
import { MemoryStore } from '../../src/memory-store.ts';
import { Registry } from '../../src/registry.ts';
import { followRegistry } from '../../src/registry-follower.ts';
import type { Run } from '../../src/types.ts';

export async function registryWorld(entries: number): Promise<{ registry: Registry; runs: Run[] }> {
  const key = generateDeviceKey();
  const kept = new Registry(key.publicKey);
  const store = await MemoryStore.open({ tenant: 'chain', keys: kept.keyOf });
  await followRegistry(store, kept);
  let ms = 1;
  const now = (): Stamp => makeStamp(ms++, 0);
  const authority = await Authority.open({
    key,
    tenant: 'chain',
    store,
    registry: kept,
    clock: new ManualClock(),
    now,
  });
  await authority.createTenant();
  for (let seq = 2; seq <= entries; seq += 1) await authority.invite({ branch: `B00${seq}`, role: 'branch' });
  const runs: Run[] = [];
  for (let seq = 1; seq <= entries; seq += 1) runs.push((await store.read(kept.feed, seq, 1))!);
  await store.close();
  return { registry: new Registry(key.publicKey), runs };
}
