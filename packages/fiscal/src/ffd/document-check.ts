/**
 * What is wrong with the tags of a document: missing, doubled, out of place, too long.
 *
 * Used before tags go to a device, whose own answer to all of these is one number without a word, and by the emulated
 * storage. Returns every finding; an empty list means the form is in order. Does not check sums or what a tag says.
 */
import { placeOf, placesIn } from './dictionary.ts';
import type { FfdVersion, TagNode } from './tag.ts';

export interface TagFinding {
  readonly kind: 'missing' | 'duplicate' | 'misplaced' | 'too-long';
  readonly tag: number;
  /** Tags from the form down to this one: `3/1059/1199`. */
  readonly path: string;
}

export interface CheckOptions {
  /** Tags that somebody else fills in later: not missing yet. */
  readonly filledLater?: (tag: number) => boolean;
}

export function checkTags(
  version: FfdVersion,
  parent: number,
  nodes: readonly TagNode[],
  options: CheckOptions = {},
  path = String(parent),
): TagFinding[] {
  const findings: TagFinding[] = [];
  const seen = new Set<number>();
  for (const node of nodes) {
    const { tag } = node;
    const here = `${path}/${tag}`;
    const place = placeOf(version, parent, tag);
    if (place === undefined) {
      findings.push({ kind: 'misplaced', tag, path: here });
      continue;
    }
    if (seen.has(tag) && !place.definition.isRepeatable)
      findings.push({ kind: 'duplicate', tag, path: here });
    seen.add(tag);
    if (node.raw.length > place.definition.max) findings.push({ kind: 'too-long', tag, path: here });
    if (Array.isArray(node.value)) findings.push(...checkTags(version, tag, node.value, options, here));
  }
  for (const { definition, isMandatory } of placesIn(version, parent)) {
    if (isMandatory && !seen.has(definition.tag) && !options.filledLater?.(definition.tag)) {
      findings.push({ kind: 'missing', tag: definition.tag, path: `${path}/${definition.tag}` });
    }
  }
  return findings;
}
