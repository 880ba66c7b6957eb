/**
 * Every place where a program may die in the middle of making something durable, by what it is doing at that time. Each is run by one test, and
 * the tests count: a point that no program reaches any more is a failure, not a gap.
 */
import type { Failpoint } from './failpoint.ts';

type Op = Failpoint['op'];
type Rest = Pick<Failpoint, 'contains' | 'nth'>;

function both(name: string, op: Op, path: string, rest: Rest = {}): Failpoint[] {
  return (['before', 'after'] as const).map((when) => ({ name: `${when} ${name}`, op, when, path, ...rest }));
}

function torn(name: string, path: string, rest: Rest = {}): Failpoint {
  return { name: `in the middle of ${name}`, op: 'write', when: 'torn', path, ...rest };
}

/** A small file written beside, synced, renamed over, folder synced: its steps. */
function replaced(file: string): Failpoint[] {
  const beside = `/${file.replaceAll('.', '\\.')}\\.new$`;
  return [
    ...both(`writing ${file}`, 'writeFile', beside),
    ...both(`syncing ${file}`, 'datasync', beside),
    ...both(`renaming ${file} into place`, 'rename', `/${file.replaceAll('.', '\\.')}$`),
  ];
}

const SEGMENT = '/journal/[0-9a-f]+-\\d+\\.seg$';

/** First start of a head office: nothing but the authority's key is there. */
export const FIRST_START: readonly Failpoint[] = [
  ...replaced('device.key'),
  ...replaced('node.json'),
  ...both('making the journal folder', 'mkdir', '/journal$'),
  ...both('making the database', 'level-open', '/index$'),
  ...both('making the ballast', 'create', '/ballast$'),
  ...both('syncing the ballast', 'datasync', '/ballast$'),
  ...both('making the first segment', 'create', SEGMENT),
  ...both('writing the header of a segment', 'write', SEGMENT),
  torn('writing the header of a segment', SEGMENT),
  ...both('syncing the header of a segment', 'datasync', SEGMENT),
  ...both('syncing the journal folder', 'sync', '/journal$'),
  ...both('registering the tenant', 'datasync', SEGMENT, { nth: 2 }),
  ...both('admitting itself', 'datasync', SEGMENT, { nth: 3 }),
];

/** A node that sells and is told to stop. */
export const SELLING: readonly Failpoint[] = [
  ...replaced('clock-bound'),
  ...replaced('control.json'),
  ...both('writing an order into the journal', 'write', SEGMENT, { contains: 'order', nth: 2 }),
  torn('writing an order into the journal', SEGMENT, { contains: 'order', nth: 2 }),
  ...both('syncing an order', 'datasync', SEGMENT, { nth: 4 }),
  ...both('writing rows into the database', 'level-batch', '/index$', { nth: 3 }),
  ...both('answering a till', 'socket-write', ':', { contains: '201 Created', nth: 3 }),
  ...both('writing the end of the journal', 'write', SEGMENT, { nth: 9 }),
  ...both('removing control.json', 'unlink', '/control\\.json$'),
];

/** A branch that enrols: its own steps, and those of the relay. */
export const ENROLLING_NODE: readonly Failpoint[] = [
  ...replaced('device.key'),
  ...both('asking for admission', 'socket-write', ':RELAY$', { contains: 'POST' }),
  ...both('being admitted', 'socket-read', ':RELAY$'),
  ...replaced('node.json'),
  ...both('keeping the registry', 'datasync', SEGMENT, { nth: 2 }),
];
export const ENROLLING_RELAY: readonly Failpoint[] = [
  ...both('writing an admission into the registry', 'write', SEGMENT),
  torn('writing an admission into the registry', SEGMENT),
  ...both('syncing an admission', 'datasync', SEGMENT, { nth: 2 }),
  ...both('answering the device', 'socket-write', ':', { contains: 'HTTP/1.1 20' }),
];

/** A relay that takes entries of a branch. */
export const RELAYING: readonly Failpoint[] = [
  ...both('writing entries of a branch', 'write', SEGMENT, { contains: 'order' }),
  torn('writing entries of a branch', SEGMENT, { contains: 'order' }),
  ...both('syncing entries of a branch', 'datasync', SEGMENT, { nth: 2 }),
  ...both('writing rows into the relay database', 'level-batch', '/index$', { nth: 4 }),
];

/** A node that goes on under another key, because its folder was put back from a backup. */
export const SUCCEEDING: readonly Failpoint[] = [
  ...replaced('successor.key'),
  ...both('keeping the key before', 'rename', '/device\\.[a-z2-7]+\\.key$'),
  ...replaced('succession.json'),
  ...both('the new key taking over', 'rename', '/device\\.key$'),
  ...both('forgetting the mark of the backup', 'rm', '/restored\\.json$'),
];

/** A bundle taken in by a stopped node. */
export const IMPORTING: readonly Failpoint[] = [
  ...both('writing entries of a bundle', 'write', SEGMENT, { contains: 'order' }),
  torn('writing entries of a bundle', SEGMENT, { contains: 'order' }),
  ...both('syncing entries of a bundle', 'datasync', SEGMENT),
];

/** Putting a backup back. */
export const RESTORING: readonly Failpoint[] = [
  ...both('copying the key', 'copyFile', '/device\\.key$'),
  ...both('copying a segment', 'copyFile', SEGMENT),
  ...both('copying the clock bound', 'copyFile', '/clock-bound$'),
  ...both('counting the restore in the backup', 'rename', '/restores\\.json$'),
  ...both('marking the restored folder', 'rename', '/restored\\.json$'),
];
