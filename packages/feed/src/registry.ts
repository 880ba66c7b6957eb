/**
 * The registry: who belongs to the tenant and what each may do. A pure projection of one feed, `registry/<authority>`.
 *
 *   entry kinds    tenant   the name and the authority's public key
 *                  invite   hash of a one-time token, what it admits to, until when
 *                  withdraw a token that was not used and must not be any more
 *                  enrol    a device key, admitted with a token
 *                  rotate   a key that follows another one of the same node; both count until the old one is revoked
 *                  revoke   a writer, and the last entry of each of its feeds that still counts
 *
 * Guarantees: the same entries give the same registry everywhere, so every peer decides admission for itself; only the
 * authority's entries are looked at; the first enrolment of a key stands. A revocation acts on history, not on time: an
 * entry counts if it is at or below the number the authority wrote down for its feed.
 *
 * Entries of unknown kind or shape are passed over and counted, so that an older program can follow a newer registry.
 *
 * A device that goes on under a new key before the authority could hear of it (a restored one, offline) presumes its own
 * admission: `presume`. It then writes and verifies its own feeds; nobody is admitted by it, and nothing it wrote is sent or compared
 * before the registry itself has the key.
 *
 * Does not: read a store (registry-follower.ts), write (authority.ts), or look at a clock.
 */
import { z } from 'zod';
import { type CollectionPattern, patternMatcher, REGISTRY_COLLECTION } from './collections.ts';
import { collectionOf, feedName, writerOf } from './feed-name.ts';
import { type Grant, ROLES, withRole } from './grants.ts';
import { writerIdOf } from './identity.ts';
import type { Collection, Entry, FeedName, Head, PublicKey, WriterId } from './types.ts';

export interface Revocation {
  /** Number of the registry entry that revoked. */
  readonly at: number;
  readonly reason: string;
  /** Where each feed of the writer ends for good; a feed not listed ends before its first entry. */
  readonly heads: ReadonlyMap<FeedName, Head>;
}

export interface Member {
  readonly writer: WriterId;
  readonly key: PublicKey;
  readonly grant: Grant;
  /** Number of the registry entry that admitted the key. */
  readonly at: number;
  /** The key this one follows. */
  readonly predecessor?: WriterId;
  /** Why it follows: a planned `rotation`, or an `incarnation` after a restore or a clone. */
  readonly reason?: SuccessionReason;
  /** Set once another key follows: this one may be revoked when its overlap is over. */
  readonly overlapUntilMs?: number;
  readonly revocation?: Revocation;
}

export type SuccessionReason = 'rotation' | 'incarnation';

export interface Invitation {
  /** Hash of the token, lower-case hex. */
  readonly id: string;
  readonly grant: Grant;
  readonly expiresMs: number;
  /** The key the invited one will follow. */
  readonly replaces?: WriterId;
  readonly overlapMs?: number;
  /** Who used it. */
  readonly usedBy?: WriterId;
}

export interface BranchMembers {
  /** Not revoked; may be none while nobody has used a token. */
  readonly members: readonly Member[];
  readonly invitations: readonly Invitation[];
}

export type Admission =
  | { readonly ok: true; readonly member: Member }
  | { readonly ok: false; readonly code: 'PEER_UNKNOWN' | 'PEER_REVOKED' };

const bytes32 = z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === 32);
const grantBody = z.object({
  role: z.enum(ROLES),
  branch: z.string().min(1),
  region: z.string().min(1),
  nodeLetter: z.string(),
  incarnation: z.int().min(1),
  read: z.array(z.string()),
  write: z.array(z.string()),
});
const bodies = {
  tenant: z.object({ name: z.string().min(1), key: bytes32 }),
  invite: z.object({
    token: bytes32,
    grant: grantBody,
    expiresMs: z.number(),
    replaces: z.string().exactOptional(),
    overlapMs: z.number().exactOptional(),
  }),
  withdraw: z.object({ token: bytes32 }),
  enrol: z.object({ key: bytes32, grant: grantBody, invite: bytes32.exactOptional() }),
  rotate: z.object({
    key: bytes32,
    grant: grantBody,
    predecessor: z.string(),
    reason: z.enum(['rotation', 'incarnation']),
    overlapUntilMs: z.number(),
    invite: bytes32.exactOptional(),
  }),
  revoke: z.object({
    writer: z.string(),
    reason: z.string(),
    heads: z.array(z.tuple([z.string(), z.int().min(0), bytes32])),
  }),
};
export type RegistryKind = keyof typeof bodies;
export type RegistryBody<Kind extends RegistryKind> = z.infer<(typeof bodies)[Kind]>;

export class Registry {
  /** The tenant's authority: the trust anchor every device is given when it is enrolled. */
  readonly authority: WriterId;
  readonly feed: FeedName;
  readonly #authorityKey: PublicKey;
  readonly #members = new Map<WriterId, Member>();
  readonly #presumed = new Map<WriterId, Member>();
  readonly #invitations = new Map<string, Invitation>();
  readonly #watchers = new Set<() => void>();
  #tenant: string | undefined;
  #position = 0;
  #passedOver = 0;

  constructor(authorityKey: PublicKey) {
    this.#authorityKey = authorityKey;
    this.authority = writerIdOf(authorityKey);
    this.feed = feedName(REGISTRY_COLLECTION, this.authority);
  }

  /** Number of the last entry applied. */
  get position(): number {
    return this.#position;
  }

  /** Entries of a kind or shape this program does not know. */
  get passedOver(): number {
    return this.#passedOver;
  }

  /** The tenant's name, once its first entry arrived. */
  get tenant(): string | undefined {
    return this.#tenant;
  }

  members(): readonly Member[] {
    return [...this.#members.values()];
  }

  /** Confirmed, or presumed here. */
  member(writer: WriterId): Member | undefined {
    return this.#members.get(writer) ?? this.#presumed.get(writer);
  }

  /** Called by a device with its own next key, before the authority knows it. What the feed says replaces it. */
  presume(member: Member): void {
    this.#presumed.set(member.writer, member);
  }

  /** Does the feed itself know this writer? */
  isConfirmed(writer: WriterId): boolean {
    return writer === this.authority || this.#members.has(writer);
  }

  invitation(id: string): Invitation | undefined {
    return this.#invitations.get(id);
  }

  invitations(): readonly Invitation[] {
    return [...this.#invitations.values()];
  }

  /** Who is of a branch now: keys that count, and tokens that may still admit one. Undefined when there is neither. */
  branch(code: string): BranchMembers | undefined {
    const members = this.members().filter(({ grant, revocation }) => grant.branch === code && !revocation);
    const invitations = this.invitations().filter(({ grant, usedBy }) => grant.branch === code && !usedBy);
    return members.length + invitations.length === 0 ? undefined : { members, invitations };
  }

  /** The store's key resolver: revoked writers stay resolvable, their history must still verify. */
  readonly keyOf = (writer: WriterId): PublicKey | undefined =>
    writer === this.authority ? this.#authorityKey : this.member(writer)?.key;

  /** Called by the handshake: may the holder of this key open a session? */
  admit(key: PublicKey): Admission {
    const member = this.#members.get(writerIdOf(key));
    if (!member) return { ok: false, code: 'PEER_UNKNOWN' };
    if (member.revocation) return { ok: false, code: 'PEER_REVOKED' };
    return { ok: true, member };
  }

  mayRead(reader: WriterId, collection: Collection): boolean {
    const member = this.member(reader);
    if (!member || member.revocation) return false;
    return allows(member.grant.read, collection);
  }

  /** May `writer` have written `feed` up to `seq`? A device writes its own feeds only, of collections it was granted. */
  mayWrite(writer: WriterId, feed: FeedName, seq = 1): boolean {
    if (writerOf(feed) !== writer) return false;
    if (writer === this.authority) return feed === this.feed;
    const member = this.member(writer);
    if (!member) return false;
    if (member.revocation && seq > (member.revocation.heads.get(feed)?.seq ?? 0)) return false;
    return allows(member.grant.write, collectionOf(feed));
  }

  /** Where a feed ends for good because its writer was revoked; undefined while it may grow. */
  ceiling(feed: FeedName): Head | undefined {
    const revocation = this.#members.get(writerOf(feed))?.revocation;
    return revocation && (revocation.heads.get(feed) ?? { seq: 0, hash: new Uint8Array(32) });
  }

  /** May sign a checkpoint that stands in for entries: HQ and relays that are members, and the authority. */
  mayVouch(writer: WriterId): boolean {
    if (writer === this.authority) return true;
    const member = this.#members.get(writer);
    return !!member && !member.revocation && (member.grant.role === 'relay' || member.grant.role === 'hq');
  }

  /** Called after each entry was applied. The listener must not throw. */
  watch(listener: () => void): () => void {
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  /** Called with each entry of the registry feed in order; entries already applied change nothing. */
  apply(entry: Entry): void {
    if (entry.feed !== this.feed || entry.seq <= this.#position) return;
    this.#position = entry.seq;
    if (!this.#project(entry)) this.#passedOver += 1;
    for (const watcher of this.#watchers) watcher();
  }

  #project(entry: Entry): boolean {
    switch (entry.kind) {
      case 'tenant':
        return parsed('tenant', entry, (body) => {
          this.#tenant ??= body.name;
        });
      case 'invite':
        return parsed('invite', entry, (body) => this.#invite(body));
      case 'withdraw':
        return parsed('withdraw', entry, (body) => this.#withdraw(body));
      case 'enrol':
        return parsed('enrol', entry, (body) => this.#enrol(entry.seq, body));
      case 'rotate':
        return parsed('rotate', entry, (body) => this.#rotate(entry.seq, body));
      case 'revoke':
        return parsed('revoke', entry, (body) => this.#revoke(entry.seq, body));
      default:
        return false;
    }
  }

  #withdraw(body: RegistryBody<'withdraw'>): void {
    const id = hex(body.token);
    // Who used it before is a member, and ends by revocation only.
    if (this.#invitations.get(id)?.usedBy === undefined) this.#invitations.delete(id);
  }

  #invite(body: RegistryBody<'invite'>): void {
    const id = hex(body.token);
    if (this.#invitations.has(id)) return;
    this.#invitations.set(id, {
      id,
      grant: body.grant,
      expiresMs: body.expiresMs,
      ...(body.replaces === undefined ? {} : { replaces: body.replaces as WriterId }),
      ...(body.overlapMs === undefined ? {} : { overlapMs: body.overlapMs }),
    });
  }

  #enrol(at: number, body: RegistryBody<'enrol'>): void {
    const writer = writerIdOf(body.key);
    this.#spend(body.invite, writer);
    if (this.#members.has(writer)) return;
    this.#members.set(writer, { writer, key: body.key, grant: withRole(body.grant), at });
  }

  #rotate(at: number, body: RegistryBody<'rotate'>): void {
    const writer = writerIdOf(body.key);
    this.#spend(body.invite, writer);
    const predecessor = this.#members.get(body.predecessor as WriterId);
    if (!predecessor || this.#members.has(writer)) return;
    this.#members.set(predecessor.writer, { ...predecessor, overlapUntilMs: body.overlapUntilMs });
    this.#members.set(writer, {
      writer,
      key: body.key,
      grant: withRole(body.grant),
      at,
      predecessor: predecessor.writer,
      reason: body.reason,
    });
  }

  #revoke(at: number, body: RegistryBody<'revoke'>): void {
    const member = this.#members.get(body.writer as WriterId);
    if (!member || member.revocation) return;
    const heads = new Map(body.heads.map(([feed, seq, hash]) => [feed as FeedName, { seq, hash }] as const));
    this.#members.set(member.writer, { ...member, revocation: { at, reason: body.reason, heads } });
  }

  #spend(token: Uint8Array | undefined, usedBy: WriterId): void {
    const invitation = token && this.#invitations.get(hex(token));
    if (invitation && !invitation.usedBy) this.#invitations.set(invitation.id, { ...invitation, usedBy });
  }
}

const matchers = new WeakMap<readonly CollectionPattern[], (collection: Collection) => boolean>();

/** Asked for every feed and every peer: what a list of patterns lets through is worked out once. */
function allows(patterns: readonly CollectionPattern[], collection: Collection): boolean {
  let matcher = matchers.get(patterns);
  if (!matcher) {
    matcher = patternMatcher(patterns);
    matchers.set(patterns, matcher);
  }
  return matcher(collection);
}

function parsed<Kind extends RegistryKind>(
  kind: Kind,
  entry: Entry,
  apply: (body: RegistryBody<Kind>) => void,
): boolean {
  const result = bodies[kind].safeParse(entry.body);
  if (!result.success) return false;
  apply(result.data as RegistryBody<Kind>);
  return true;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
