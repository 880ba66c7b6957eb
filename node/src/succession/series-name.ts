/**
 * What the order numbers of a device begin with: the letter and the incarnation the registry knows for its key.
 *
 * A device that goes on because a copy of it was at work may have to choose before the authority can be asked, and so may the copy:
 * both would become `.2`. Until its key is confirmed the beginning of the writer id is added (`B001.2.k7q2mz-000001`), which no other
 * key has. Nothing printed is ever renumbered: with the confirmation a series of its own begins.
 */
import type { Member } from '@branchline/feed';
import type { NumberSeries } from '@branchline/model';
import type { NodePorts } from '../ports.ts';

/** Of the 16 characters of a writer id: two copies in a thousand million pairs would agree. */
export const UNCONFIRMED_CHARS = 6;

export function seriesName(
  { writer, grant }: Member,
  { registry, succession }: Pick<NodePorts, 'registry' | 'succession'>,
): NumberSeries {
  const { branch, nodeLetter, incarnation } = grant;
  const isAlone = registry.isConfirmed(writer) || succession?.reason !== 'copied';
  return {
    branch: branch as NumberSeries['branch'],
    nodeLetter,
    incarnation,
    ...(isAlone ? {} : { unconfirmed: writer.slice(0, UNCONFIRMED_CHARS) }),
  };
}
