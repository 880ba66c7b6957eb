/**
 * The tag dictionary: what a tag is, by version of the format and by where it stands.
 *
 * `placeOf` is strict and serves writing: a tag that a version does not have in that place is not found. `definitionOf`
 * serves reading: a document in an archive may be older, newer or stranger than the tables, so a tag out of place is still
 * read by its own definition, and one nobody knows is kept as bytes.
 */
import { DOCUMENT_FORMS, type DocumentForm, STRUCTURES } from './document-forms.ts';
import { type FfdVersion, ffdVersions, isVersionAtLeast, type TagDefinition } from './tag.ts';
import { TAG_ROWS } from './tag-table.ts';

export interface TagPlace {
  readonly definition: TagDefinition;
  readonly isMandatory: boolean;
}

/** Strict: the tag as this version has it under this parent (a document form or a structured tag). */
export function placeOf(version: FfdVersion, parent: number, tag: number): TagPlace | undefined {
  return PLACES.get(version)?.get(parent)?.get(tag);
}

/** All tags a parent may hold. */
export function placesIn(version: FfdVersion, parent: number): readonly TagPlace[] {
  return [...(PLACES.get(version)?.get(parent)?.values() ?? [])];
}

/** Tolerant: the tag by its place, else by itself. */
export function definitionOf(version: FfdVersion, parent: number, tag: number): TagDefinition | undefined {
  return placeOf(version, parent, tag)?.definition ?? DEFINITIONS.get(version)?.get(tag);
}

export function formOf(code: number): DocumentForm | undefined {
  return FORMS.get(code);
}

const FORMS = new Map(DOCUMENT_FORMS.map((form) => [form.code, form]));

const DEFINITIONS = new Map(ffdVersions.map((version) => [version, definitionsFor(version)]));

const PLACES = new Map(ffdVersions.map((version) => [version, placesFor(version)]));

function definitionsFor(version: FfdVersion): Map<number, TagDefinition> {
  const rows = TAG_ROWS.filter((row) => row.only === undefined || row.only.includes(version));
  return new Map(
    rows.map(({ tag, type, max, name, isFixed, isRepeatable }) => [
      tag,
      { tag, type, max, name, isFixed: isFixed ?? false, isRepeatable: isRepeatable ?? false },
    ]),
  );
}

function placesFor(version: FfdVersion): Map<number, Map<number, TagPlace>> {
  const parents: (readonly [number, string])[] = [
    ...DOCUMENT_FORMS.map((form) => [form.code, form.tags] as const),
    ...Object.entries(STRUCTURES).map(([tag, tags]) => [Number(tag), tags] as const),
  ];
  return new Map(parents.map(([parent, list]) => [parent, readPlaces(version, parent, list)]));
}

function readPlaces(version: FfdVersion, parent: number, list: string): Map<number, TagPlace> {
  const places = new Map<number, TagPlace>();
  for (const word of list.split(/\s+/)) {
    const [, digits, mark, bound, limit] = /^(\d+)(!?)(?:([+-])(\S+))?$/.exec(word) ?? [];
    const definition = DEFINITIONS.get(version)?.get(Number(digits));
    if (bound === '+' && !isVersionAtLeast(version, limit as FfdVersion)) continue;
    if (bound === '-' && !isVersionAtLeast(limit as FfdVersion, version)) continue;
    // A row of an older format only.
    if (definition === undefined) continue;
    if (places.has(definition.tag)) throw new Error(`${parent} lists ${word} twice`);
    places.set(definition.tag, { definition, isMandatory: mark === '!' });
  }
  return places;
}
