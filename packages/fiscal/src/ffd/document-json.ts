/**
 * Documents as JSON: the keys operators of fiscal data and the tax service use, the form's name around them, the form's code
 * among them.
 *
 * A tag that may repeat is always an array. Bytes are hexadecimal, integers beyond 2^53 decimal text. Tags the dictionary
 * does not know are listed under `unknownTags`, never dropped. A document in which not one value is known by name is given as
 * a tree of tags instead: names of the shell alone would only pretend to understand it.
 */
import { hexOfBytes } from '../hex.ts';
import { decodeTagList, type FfdDocument, isTagStream, TAG_DEPTH_MAX } from './document.ts';
import type { TagNode, TagValue } from './tag.ts';

export type Json = number | string | boolean | readonly Json[] | { readonly [key: string]: Json };

export function documentJson(document: FfdDocument): { readonly [key: string]: Json } {
  if (document.nodes.length > 0 && !document.nodes.some(isNamed)) {
    return { tag: document.form.code, value: document.nodes.map((node) => tagTree(node, 1)) };
  }
  return { [document.form.name]: { ...tagsJson(document.nodes), code: document.form.code } };
}

/** Children of a structured tag as an object. */
export function tagsJson(nodes: readonly TagNode[]): { readonly [key: string]: Json } {
  const json: Record<string, Json> = {};
  const unknown: Json[] = [];
  for (const node of nodes) {
    const { definition } = node;
    if (definition === undefined) {
      unknown.push({ tag: node.tag, hex: hexOfBytes(node.raw) });
      continue;
    }
    const { name } = definition;
    const earlier = json[name];
    const value = valueJson(node.value);
    // A tag that stands twice although it may not is shown twice: hiding one would hide the fault.
    if (earlier === undefined) json[name] = definition.isRepeatable ? [value] : value;
    else json[name] = Array.isArray(earlier) ? [...earlier, value] : [earlier, value];
  }
  return unknown.length === 0 ? json : { ...json, unknownTags: unknown };
}

function valueJson(value: TagValue): Json {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number' || typeof value === 'string') return value;
  if (value instanceof Uint8Array) return hexOfBytes(value);
  return tagsJson(value);
}

/** Whether this node, or one inside it, is a value with a name. */
function isNamed(node: TagNode): boolean {
  if (node.definition === undefined) return false;
  if (node.definition.type !== 'structure' || node.value instanceof Uint8Array) return true;
  return Array.isArray(node.value) && node.value.some(isNamed);
}

function tagTree({ tag, raw }: TagNode, depth: number): Json {
  // Four bytes are a number rather than an empty tag.
  if (raw.length === 4) return { tag, u32: new DataView(raw.buffer, raw.byteOffset).getUint32(0, true) };
  if (depth < TAG_DEPTH_MAX && raw.length > 0 && isTagStream(raw)) {
    const inside = decodeTagList(raw, '1.0', tag);
    return { tag, value: inside.map((node) => tagTree(node, depth + 1)) };
  }
  return { tag, hex: hexOfBytes(raw) };
}
