/** What a registration says, in words: the bits of tags 1062 and 1057. */

import { findTag } from '../ffd/document.ts';
import { type AgentKind, agentKinds, type TaxSystem, taxSystems } from '../ffd/enumerations.ts';
import type { TagNode } from '../ffd/tag.ts';

export function taxSystemsOf(bits: number): TaxSystem[] {
  return (Object.keys(taxSystems) as TaxSystem[]).filter((system) => (bits & taxSystems[system]) !== 0);
}

export function agentsOf(nodes: readonly TagNode[]): AgentKind[] {
  const bits = findTag(nodes, 1057)?.value;
  if (typeof bits !== 'number') return [];
  return (Object.keys(agentKinds) as AgentKind[]).filter((kind) => (bits & agentKinds[kind]) !== 0);
}
