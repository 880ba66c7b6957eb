/**
 * `fleet`: every branch of a chain was without a network for eight hours; how long until all agree, and at what cost?
 *
 * Takes `branches` and `regions` (200 and 10 unless told), and keeps prepared fleets in `dataDir`, the system's folder for temporary
 * files unless told. Preparing is not timed. The parts are in `../fleet`: plan and day, prepare, storm, lacks, floors.
 */
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchCase, type BenchContext, scaled } from '../bench-case.ts';
import { expectAgreement } from '../fleet/agreement.ts';
import { type FleetFloors, measureFleetFloors } from '../fleet/floors.ts';
import { applyOnce, type EncodedMinimum, encodedMinimum, readLacks } from '../fleet/lacks.ts';
import { FLEET_DEFAULT, type FleetPlan } from '../fleet/plan.ts';
import { preparedFleet } from '../fleet/prepare.ts';
import { type StormResult, storm } from '../fleet/storm.ts';
import type { CaseReport, Ratio } from '../report.ts';
import { summarize } from '../statistics.ts';

export const FLEETS_FOLDER = join(tmpdir(), 'branchline-bench');

export const fleet: BenchCase = {
  name: 'fleet',
  about: 'every branch returns at once after eight hours offline, until all agree',
  async run(context) {
    const plan = planOf(context);
    const dataDir = context.settings.dataDir ?? FLEETS_FOLDER;
    await mkdir(dataDir, { recursive: true });
    const prepared = await preparedFleet(context, plan, dataDir);
    context.progress('floors');
    const lacks = await readLacks(prepared);
    const applied = await applyOnce(lacks, context.clock);
    const minimum = encodedMinimum(prepared, lacks, applied.saved);
    const floors: FleetFloors = {
      ...(await measureFleetFloors(context, minimum, plan.branches + 1)),
      applyMs: applied.applyMs,
    };
    const result = await storm(context, prepared);
    expectAgreement(result.disagreements);
    return report(plan, { minimum, floors, result, changes: applied.changes });
  },
};

export function planOf(context: BenchContext): FleetPlan {
  const { settings, seed } = context;
  const branches = settings.branches ?? scaled(context, FLEET_DEFAULT.branches, 2);
  const orders =
    settings.branches === undefined ? scaled(context, FLEET_DEFAULT.orders, 10) : FLEET_DEFAULT.orders;
  const size = (count: number): number =>
    settings.branches === undefined ? scaled(context, count, 50) : count;
  return {
    branches,
    regions: Math.min(settings.regions ?? FLEET_DEFAULT.regions, branches),
    seed,
    products: size(FLEET_DEFAULT.products),
    orders,
    priceEdits: size(FLEET_DEFAULT.priceEdits),
    importRows: size(FLEET_DEFAULT.importRows),
  };
}

interface Measured {
  readonly minimum: EncodedMinimum;
  readonly floors: FleetFloors;
  readonly result: StormResult;
  readonly changes: number;
}

function report(plan: FleetPlan, { minimum, floors, result, changes }: Measured): CaseReport {
  const { relay, nodes, late } = result;
  const floorMs = floors.socketsMs + floors.appendsMs + floors.applyMs;
  const minimumBytes = minimum.upBytes + minimum.downBytes;
  const [idle, stormy] = [summarize(result.idleSalesMs), summarize(result.stormSalesMs)];
  const ratios: Ratio[] = [
    { name: 'time until all agree / sum of the floors', value: result.agreeMs / floorMs, better: 'lower' },
    {
      name: 'bytes at the sockets / encoded minimum',
      value: (nodes.bytesIn + nodes.bytesOut) / minimumBytes,
      better: 'lower',
    },
  ];
  if (idle !== undefined && stormy !== undefined) {
    ratios.push({ name: 'sale p99 in the storm / idle', value: stormy.p99 / idle.p99, better: 'lower' });
  }
  return {
    case: 'fleet',
    series: [
      { name: 'sale at a branch, idle', samplesMs: result.idleSalesMs },
      { name: 'sale at a returning branch, in the storm', samplesMs: result.stormSalesMs },
      { name: 'a node holds everything, after the return', samplesMs: result.nodesAtMs },
    ],
    ratios,
    facts: {
      branches: plan.branches,
      regions: plan.regions,
      'orders per branch': plan.orders,
      'entries written while cut off': minimum.entries,
      'document changes among them': changes,
      'time until all agree, s': result.agreeMs / 1_000,
      'time until the relay has everything, s': result.relayAtMs / 1_000,
      'CPU of the relay, s': relay.cpuMs / 1_000,
      'CPU of all nodes, s': nodes.cpuMs / 1_000,
      'bytes up, MB': nodes.bytesOut / 1e6,
      'bytes down, MB': nodes.bytesIn / 1e6,
      'encoded minimum up, MB': minimum.upBytes / 1e6,
      'encoded minimum down, MB': minimum.downBytes / 1e6,
      ...Object.fromEntries(
        Object.entries(minimum.upBy).map(([family, bytes]) => [
          `encoded minimum up of ${family}, MB`,
          bytes / 1e6,
        ]),
      ),
      ...Object.fromEntries(
        Object.entries(minimum.downBy).map(([family, bytes]) => [
          `encoded minimum down of ${family}, MB`,
          bytes / 1e6,
        ]),
      ),
      'memory of the relay at its peak, MB': relay.rssPeakBytes / 1e6,
      'memory of one node among others, MB': result.nodeRssBytes / 1e6,
      'syncs of the relay': relay.syncs,
      'syncs of all nodes': nodes.syncs,
      'requests of the till sent again': result.salesRepeated,
      'floor: sockets, s': floors.socketsMs / 1_000,
      'floor: append and sync, s': floors.appendsMs / 1_000,
      'floor: apply, s': floors.applyMs / 1_000,
      ...(late === undefined
        ? {}
        : {
            'one late branch: level after, s': late.levelMs / 1_000,
            'one late branch: CPU until level, s': late.levelCpuMs / 1_000,
            'one late branch: materialised after that, s': late.materialiseMs / 1_000,
            'one late branch: CPU to materialise what it got, s': late.materialiseCpuMs / 1_000,
            'one late branch: bytes down, kB': late.bytesIn / 1e3,
            'one late branch: bytes up, kB': late.bytesOut / 1e3,
          }),
      'nodes compared afterwards': result.checked.nodes,
      'documents compared at each': result.checked.documents,
    },
    notes: [
      'Everything runs on this machine at once: relay, head office, all branches, and a till that goes on selling.',
      'Agree: the relay and every node hold every entry they are to hold on disk; compared afterwards: hashes of all feeds, heads of all documents, orders, prices and points.',
      'Encoded minimum: per receiver and collection the smaller of all its entries in one deflate stream and the documents as a checkpoint.',
    ],
  };
}
