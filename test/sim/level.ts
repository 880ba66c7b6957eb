/** Who holds what: whether every feed is everywhere it belongs, by where the stores of the machines end. */
import { collectionOf, type FeedName, writerOf } from '@branchline/feed';
import type { Machine } from './machine.ts';
import type { Shop } from './shop.ts';
import type { World } from './world.ts';

/** Feeds a machine may read, each with where it ends; `local` ones are nobody else's. */
function heads(machine: Machine): Map<FeedName, string> {
  const found = new Map<FeedName, string>();
  for (const [feed, { head }] of machine.life.store.feeds()) {
    if (!feed.startsWith('local/') && head.seq > 0) {
      found.set(feed, `${head.seq} ${Buffer.from(head.hash).toString('hex').slice(0, 12)}`);
    }
  }
  return found;
}

/** Whether every machine that could have heard of this one's feeds has all of them. */
export function isHeldElsewhere(world: World, shop: Shop): boolean {
  const { relay, office, shops, isDirect } = world;
  const beside = shops.filter((other) => other !== shop && other.branch === shop.branch);
  const witnesses: Machine[] = [relay, ...(isDirect ? [office] : []), ...beside];
  if (!shop.isUp || witnesses.some(({ isUp }) => !isUp)) {
    return false;
  }
  const own = [...heads(shop)].filter(([feed]) => writerOf(feed) === shop.key.writer);
  return witnesses.every((witness) => {
    const there = heads(witness);
    const { registry } = witness.life;
    return own.every(
      ([feed, head]) => there.get(feed) === head || !registry.mayRead(witness.key.writer, collectionOf(feed)),
    );
  });
}

/** Whether head office has everything the relay has. */
export function isHeldByOffice({ relay, office }: World): boolean {
  if (!relay.isUp || !office.isUp) {
    return false;
  }
  const there = heads(office);
  return [...heads(relay)].every(([feed, head]) => there.get(feed) === head);
}

/** Whether every feed is everywhere it belongs. */
export function isLevel({ members }: World): boolean {
  const all = new Map<FeedName, string>();
  const ends = new Map<Machine, Map<FeedName, string>>();
  for (const machine of members) {
    if (!machine.isUp) {
      return false;
    }
    const own = heads(machine);
    ends.set(machine, own);
    for (const [feed, head] of own) {
      const known = all.get(feed);
      if (known !== undefined && known !== head) {
        return false;
      }
      all.set(feed, head);
    }
  }
  return members.every((machine) => {
    const own = ends.get(machine)!;
    const { registry } = machine.life;
    return [...all.keys()].every(
      (feed) => own.has(feed) || !registry.mayRead(machine.key.writer, collectionOf(feed)),
    );
  });
}

/** For a chain that did not get level: who lacks what. */
export function lag({ members }: World): string {
  const lines = members.map((machine) => {
    const ends = machine.isUp
      ? [...heads(machine)].map(([feed, head]) => `${feed} ${head}`).sort()
      : ['down'];
    return `${machine.name}\n    ${ends.join('\n    ')}`;
  });
  return lines.join('\n  ');
}
