/**
 * Words of the fiscal data format: versions, types of tag values, definitions, decoded nodes.
 *
 * A value stands in one of four ways: a number (every integer and date; a `bigint` only above 2^53), a string, bytes, or
 * the nodes of a structured tag. Quantities are numbers as printed; who needs them exactly takes `raw`, which is always
 * there and is what is hashed, stored and sent on.
 */

/** `1.0` is only ever read: documents of that format still lie in archives. */
export const ffdVersions = ['1.0', '1.05', '1.1', '1.2'] as const;
export type FfdVersion = (typeof ffdVersions)[number];

/** Value of tags 1209, 1189, 1190 by version. */
export const FFD_VERSION_CODES: Readonly<Record<FfdVersion, number>> = {
  '1.0': 1,
  '1.05': 2,
  '1.1': 3,
  '1.2': 4,
};

export function isVersionAtLeast(version: FfdVersion, least: FfdVersion): boolean {
  return FFD_VERSION_CODES[version] >= FFD_VERSION_CODES[least];
}

export type TagType =
  | 'byte'
  | 'bits'
  | 'u16'
  | 'u32'
  /** Unsigned little-endian, as short as it can be. */
  | 'vln'
  /** The same behind a byte that says how many digits stand after the point. */
  | 'fvln'
  | 'string'
  /** Seconds since 1970 by the clock on the wall of the shop, as if it were UTC. */
  | 'time'
  | 'structure'
  | 'bytes'
  /** Fiscal sign of a document: six bytes, printed as the number in the last four. */
  | 'sign';

export interface TagDefinition {
  readonly tag: number;
  readonly type: TagType;
  /** Largest length in bytes. */
  readonly max: number;
  /** Key in JSON. */
  readonly name: string;
  /** Always `max` long; strings are padded with spaces. */
  readonly isFixed: boolean;
  /** May stand several times under one parent. */
  readonly isRepeatable: boolean;
}

export type TagValue = number | bigint | string | Uint8Array | readonly TagNode[];

/** A tag as it stands in a document. */
export interface TagNode {
  readonly tag: number;
  readonly raw: Uint8Array;
  readonly value: TagValue;
  /** Absent when this version of the format does not know the tag. */
  readonly definition?: TagDefinition;
}

/** A quantity, exactly: `mantissa` with `point` digits after the decimal point. */
export interface Decimal {
  readonly mantissa: number;
  readonly point: number;
}

/** A tag to be written. */
export interface TagInput {
  readonly tag: number;
  readonly value: number | bigint | string | Uint8Array | Decimal | readonly TagInput[];
}
