/**
 * `idle`: a fleet that is connected, level and does nothing. Processor time and bytes of an hour, from a minute of it.
 *
 * Takes `branches`; uses the prepared fleet of the case `fleet`.
 */
import { mkdir } from 'node:fs/promises';
import type { BenchCase } from '../bench-case.ts';
import { calmFleet } from '../fleet/calm.ts';
import { preparedFleet } from '../fleet/prepare.ts';
import { FLEETS_FOLDER, planOf } from './fleet.ts';

const SECONDS = 60;

export const idle: BenchCase = {
  name: 'idle',
  about: 'a connected fleet doing nothing: processor time and bytes per hour',
  async run(context) {
    const plan = planOf(context);
    const dataDir = context.settings.dataDir ?? FLEETS_FOLDER;
    await mkdir(dataDir, { recursive: true });
    const seconds = context.scale < 1 ? 2 : SECONDS;
    const { relay, nodes } = await calmFleet(context, await preparedFleet(context, plan, dataDir), seconds);
    const hours = 3_600 / seconds;
    return {
      case: 'idle',
      series: [],
      ratios: [
        { name: 'relay: processor time / time', value: relay.cpuMs / (seconds * 1_000), better: 'lower' },
      ],
      facts: {
        branches: plan.branches,
        'seconds looked at': seconds,
        'CPU of the relay, % of a core': relay.cpuMs / (seconds * 10),
        'CPU of one node, % of a core': nodes.cpuMs / (seconds * 10) / (plan.branches + 1),
        'CPU of the relay, s per hour': (relay.cpuMs * hours) / 1_000,
        'bytes up, kB per branch and hour': (nodes.bytesOut * hours) / 1e3 / (plan.branches + 1),
        'bytes down, kB per branch and hour': (nodes.bytesIn * hours) / 1e3 / (plan.branches + 1),
        'syncs of the relay per hour': relay.syncs * hours,
        'syncs of one node per hour': (nodes.syncs * hours) / (plan.branches + 1),
      },
      notes: ['Everybody is connected and level, documents are materialised, no till sells.'],
    };
  },
};
