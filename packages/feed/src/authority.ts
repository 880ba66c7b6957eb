/**
 * The authority of a tenant: the one key that writes the registry. It admits, rotates and revokes; nobody else can.
 *
 *   operator ──invite──> token ──> device ──enrol(token, its own public key)──> registry entry, replicated everywhere
 *
 * Guarantees: a token is 256 random bits, shown once, kept as a hash; it admits one key, until its time is over; asking
 * again with the same key gives the same answer, so a lost reply is no trouble. Decisions are made one at a time, each
 * on what the ones before wrote, and count only when they are on disk.
 *
 * A key follows another in two ways: the operator rotates it (an overlap during which both keys count), or the device goes on
 * under a new one after a restore or a clone. Either way it may ask with its old key's signature; a rotation can also be
 * taken up with its token. A successor has its predecessor's rights and no more, and an incarnation number nobody of its
 * node has had, so that it never mints a number its predecessor minted: the one it has been using offline where that is free.
 *
 * Does not: talk HTTP, know devices' private keys, or decide when to revoke.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Clock, Stamp } from 'hlc-ts';
import { REGISTRY_COLLECTION } from './collections.ts';
import { FeedError } from './errors.ts';
import { writerOf } from './feed-name.ts';
import { FeedWriter } from './feed-writer.ts';
import { defaultGrant, type Grant, type Role } from './grants.ts';
import { type DeviceKey, PUBLIC_KEY_BYTES, verifySignature, writerIdOf } from './identity.ts';
import type {
  Invitation,
  Member,
  Registry,
  RegistryBody,
  RegistryKind,
  SuccessionReason,
} from './registry.ts';
import type { FeedStore, PublicKey, WriterId } from './types.ts';

export const INVITE_TTL_MS_DEFAULT = 7 * 24 * 3_600_000;
export const ROTATION_OVERLAP_MS_DEFAULT = 7 * 24 * 3_600_000;
/** Invitations written by one call: one commit. */
export const INVITES_MAX = 10_000;
/** Nodes of one branch: letters `` and `b` to `z`. */
export const BRANCH_NODES_MAX = 26;
const TOKEN_BYTES = 32;
/** How far beyond the incarnations known here a device may have counted on its own. */
export const INCARNATIONS_AHEAD_MAX = 64;

export interface InviteRequest {
  readonly branch: string;
  readonly role: Role;
  readonly region?: string;
  readonly ttlMs?: number;
}

/** What the operator hands to a device. The token is not kept anywhere else. */
export interface Issued {
  readonly token: string;
  readonly branch: string;
  readonly role: Role;
  readonly expiresMs: number;
}

export interface Succession {
  readonly predecessor: WriterId;
  readonly key: PublicKey;
  /** Already in use by the device, whose order numbers show it. */
  readonly incarnation?: number;
  readonly proof: Uint8Array;
}

export interface AuthorityOptions {
  readonly key: DeviceKey;
  readonly tenant: string;
  readonly store: FeedStore;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly now: () => Stamp;
  /** Called for tokens. */
  readonly random?: (bytes: number) => Uint8Array;
}

/** What a device signs with its old key to be given a new one. */
export function successionBytes(
  tenant: string,
  predecessor: WriterId,
  key: PublicKey,
  incarnation?: number,
): Uint8Array {
  const wanted = Buffer.from(incarnation === undefined ? '' : `\0${incarnation}`);
  return Buffer.concat([Buffer.from(`branchline successor\0${tenant}\0${predecessor}\0`), key, wanted]);
}

export class Authority {
  readonly #options: AuthorityOptions;
  readonly #writer: FeedWriter;
  #tail: Promise<unknown> = Promise.resolve();

  private constructor(options: AuthorityOptions, writer: FeedWriter) {
    this.#options = options;
    this.#writer = writer;
  }

  /** The registry must follow the store already (`followRegistry`). */
  static async open(options: AuthorityOptions): Promise<Authority> {
    const { key, registry, store, tenant, now } = options;
    if (key.writer !== registry.authority) {
      throw new FeedError('AUTHORITY_KEY', `this key is not the authority of tenant ${tenant}`, {
        hint: 'use the authority key made by init',
      });
    }
    return new Authority(options, await FeedWriter.open({ store, key, tenant, now }));
  }

  /** Called once, by `init`. Calling it again changes nothing. */
  createTenant(): Promise<void> {
    return this.#decide(async () => {
      if (this.#options.registry.tenant !== undefined) return;
      const { tenant, key } = this.#options;
      await this.#write([draft('tenant', { name: tenant, key: key.publicKey })]);
    });
  }

  async invite(request: InviteRequest): Promise<Issued> {
    const [issued] = await this.inviteAll([request]);
    return issued!;
  }

  /** All or none, in one commit. */
  inviteAll(requests: readonly InviteRequest[]): Promise<Issued[]> {
    return this.#decide(async () => {
      if (requests.length > INVITES_MAX) {
        throw new FeedError(
          'FEED_LIMIT',
          `${requests.length} invitations in one call, at most ${INVITES_MAX}`,
        );
      }
      const issued = requests.map((request) => this.#issue(request));
      await this.#write(issued.map(({ invite }) => draft('invite', invite)));
      return issued.map(({ told }) => told);
    });
  }

  /** Called when a device shows a token and the public key it made, and perhaps the branch it was set up for. */
  enrol(request: {
    readonly token: string;
    readonly publicKey: PublicKey;
    readonly branch?: string | undefined;
  }): Promise<Member> {
    return this.#decide(async () => {
      const { registry, clock } = this.#options;
      const key = checkedKey(request.publicKey);
      const hash = hashToken(request.token);
      const invitation = registry.invitation(Buffer.from(hash).toString('hex'));
      if (!invitation) throw new FeedError('TOKEN_UNKNOWN', 'this token was not issued here');
      const { branch } = invitation.grant;
      if (request.branch !== undefined && request.branch !== branch) {
        throw new FeedError('TOKEN_BRANCH', `this token is for branch ${branch}, not ${request.branch}`, {
          hint: `Ask for a token for ${request.branch}, or set the device up for ${branch}; this token is not spent.`,
        });
      }
      if (invitation.usedBy === writerIdOf(key)) return this.#memberOf(key);
      if (invitation.usedBy) {
        throw new FeedError('TOKEN_USED', 'this token has admitted another key', {
          hint: 'ask for a new token',
        });
      }
      if (clock.nowMs() > invitation.expiresMs) {
        throw new FeedError('TOKEN_EXPIRED', 'this token is too old', { hint: 'ask for a new token' });
      }
      this.#refuseKnown(key);
      await this.#write([this.#admission(key, invitation, hash)]);
      return this.#memberOf(key);
    });
  }

  /** Called by `init` for the relay's and HQ's own keys, which sit beside the authority's and need no token. */
  admit(request: Omit<InviteRequest, 'ttlMs'> & { readonly publicKey: PublicKey }): Promise<Member> {
    return this.#decide(async () => {
      const key = checkedKey(request.publicKey);
      if (this.#confirmed(writerIdOf(key))) return this.#memberOf(key);
      await this.#write([draft('enrol', { key, grant: this.#freshGrant(request) })]);
      return this.#memberOf(key);
    });
  }

  /** A token for a new key of the same node. Both keys count until the overlap is over (`retire`). */
  rotate(request: {
    readonly writer: WriterId;
    readonly ttlMs?: number;
    readonly overlapMs?: number;
  }): Promise<Issued> {
    return this.#decide(async () => {
      const member = this.#activeMember(request.writer);
      const { grant } = member;
      const token = this.#token();
      const expiresMs = this.#options.clock.nowMs() + (request.ttlMs ?? INVITE_TTL_MS_DEFAULT);
      await this.#write([
        draft('invite', {
          token: hashToken(token),
          grant: plain(grant),
          expiresMs,
          replaces: member.writer,
          overlapMs: request.overlapMs ?? ROTATION_OVERLAP_MS_DEFAULT,
        }),
      ]);
      return { token, branch: grant.branch, role: grant.role, expiresMs };
    });
  }

  /** Called when a device asks, with its old key, to go on under a new one. */
  succeed(succession: Succession): Promise<Member> {
    return this.#decide(async () => {
      const { tenant } = this.#options;
      const key = checkedKey(succession.key);
      const member = this.#activeMember(succession.predecessor);
      const known = this.#confirmed(writerIdOf(key));
      if (known?.predecessor === member.writer) return known;
      const signed = successionBytes(tenant, member.writer, key, succession.incarnation);
      if (!verifySignature(member.key, signed, succession.proof)) {
        throw new FeedError('SUCCESSION_PROOF', `the proof is not signed by ${member.writer}`);
      }
      this.#refuseKnown(key);
      await this.#write([this.#succession(member, key, succession.incarnation)]);
      return this.#memberOf(key);
    });
  }

  /** From this registry position on nothing the writer has written beyond what is held here counts anywhere. */
  revoke(request: { readonly writer: WriterId; readonly reason?: string }): Promise<void> {
    return this.#decide(() =>
      this.#revokeAll([this.#activeMember(request.writer)], request.reason ?? 'revoked'),
    );
  }

  /** Every key of a branch; how many. */
  revokeBranch(branch: string, reason = 'revoked'): Promise<number> {
    return this.#decide(async () => {
      const found = this.#options.registry.branch(branch);
      if (!found) throw new FeedError('PEER_UNKNOWN', `no device of branch ${branch} is enrolled or invited`);
      const { members, invitations } = found;
      // Tokens first: nobody may come in while the keys go.
      await this.#write(
        invitations.map(({ id }) => draft('withdraw', { token: new Uint8Array(Buffer.from(id, 'hex')) })),
      );
      await this.#revokeAll(members, reason);
      return members.length;
    });
  }

  /** Called now and then: revokes planned-rotation keys whose overlap is over. Returns them. */
  retire(): Promise<WriterId[]> {
    return this.#decide(async () => {
      const nowMs = this.#options.clock.nowMs();
      const members = this.#options.registry.members();
      const rotated = new Set(
        members.filter((member) => member.reason === 'rotation').map((member) => member.predecessor),
      );
      const due = members.filter(
        (member) =>
          rotated.has(member.writer) && !member.revocation && (member.overlapUntilMs ?? nowMs) < nowMs,
      );
      if (due.length > 0) await this.#revokeAll(due, 'rotated');
      return due.map((member) => member.writer);
    });
  }

  /** One decision at a time: each sees what the ones before have written. */
  #decide<T>(decision: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(decision);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  #issue(request: InviteRequest): { invite: RegistryBody<'invite'>; told: Issued } {
    const token = this.#token();
    const expiresMs = this.#options.clock.nowMs() + (request.ttlMs ?? INVITE_TTL_MS_DEFAULT);
    const grant = defaultGrant(request);
    return {
      invite: { token: hashToken(token), grant: plain(grant), expiresMs },
      told: { token, branch: grant.branch, role: grant.role, expiresMs },
    };
  }

  #admission(key: PublicKey, invitation: Invitation, invite: Uint8Array): RegistryDraft {
    if (invitation.replaces === undefined) {
      return draft('enrol', { key, grant: this.#freshGrant(invitation.grant), invite });
    }
    const overlapMs = invitation.overlapMs ?? ROTATION_OVERLAP_MS_DEFAULT;
    const overlapUntilMs = this.#options.clock.nowMs() + overlapMs;
    const member = this.#activeMember(invitation.replaces);
    return this.#following(member, key, { reason: 'rotation', overlapUntilMs, invite });
  }

  /** Takes up the operator's rotation where there is one, so that its token is spent and the overlap ends. */
  #succession(member: Member, key: PublicKey, wanted: number | undefined): RegistryDraft {
    const { registry, clock } = this.#options;
    const nowMs = clock.nowMs();
    const rotation = registry
      .invitations()
      .find((each) => each.replaces === member.writer && !each.usedBy && each.expiresMs >= nowMs);
    const overlapUntilMs = nowMs + (rotation?.overlapMs ?? ROTATION_OVERLAP_MS_DEFAULT);
    // Without a rotation the overlap never ends by itself: what the old key signed may still be on its way.
    const reason = rotation ? 'rotation' : 'incarnation';
    const invite = rotation && new Uint8Array(Buffer.from(rotation.id, 'hex'));
    return this.#following(member, key, { reason, overlapUntilMs, invite, wanted });
  }

  #following(
    member: Member,
    key: PublicKey,
    how: {
      readonly reason: SuccessionReason;
      readonly overlapUntilMs: number;
      readonly invite: Uint8Array | undefined;
      readonly wanted?: number | undefined;
    },
  ): RegistryDraft {
    const { reason, overlapUntilMs, invite, wanted } = how;
    const used = new Set(this.#line(member).map((other) => other.grant.incarnation));
    const next = 1 + Math.max(...used);
    const isFree = wanted !== undefined && wanted > member.grant.incarnation && !used.has(wanted);
    const incarnation = isFree && wanted < next + INCARNATIONS_AHEAD_MAX ? wanted : next;
    return draft('rotate', {
      predecessor: member.writer,
      key,
      grant: plain({ ...member.grant, incarnation }),
      reason,
      overlapUntilMs,
      ...(invite ? { invite } : {}),
    });
  }

  /** Every key of the node that `member` is a key of: two clones of one device must not both become `.2`. */
  #line(member: Member): Member[] {
    const { branch, nodeLetter } = member.grant;
    return this.#options.registry
      .members()
      .filter((other) => other.grant.branch === branch && other.grant.nodeLetter === nodeLetter);
  }

  /** The next free letter of the branch: two nodes of one branch never share a number series. */
  #freshGrant(
    place: Pick<Grant, 'branch' | 'role'> & { readonly region?: string },
  ): RegistryBody<'enrol'>['grant'] {
    const letters = new Set(
      this.#options.registry
        .members()
        .filter((member) => member.grant.branch === place.branch)
        .map((member) => member.grant.nodeLetter),
    );
    if (letters.size >= BRANCH_NODES_MAX) {
      throw new FeedError('FEED_LIMIT', `branch ${place.branch} has ${letters.size} nodes already`);
    }
    const nodeLetter = letters.size === 0 ? '' : String.fromCharCode('a'.charCodeAt(0) + letters.size);
    return plain(defaultGrant({ ...place, nodeLetter }));
  }

  async #revokeAll(members: readonly Member[], reason: string): Promise<void> {
    const states = [...this.#options.store.feeds().values()];
    await this.#write(
      members.map((member) =>
        draft('revoke', {
          writer: member.writer,
          reason,
          heads: states
            .filter((state) => writerOf(state.feed) === member.writer)
            .map((state) => [state.feed, state.head.seq, state.head.hash]),
        }),
      ),
    );
  }

  /** The registry follows the store, and watchers run before `append` resolves: what was written is known after this. */
  async #write(drafts: readonly RegistryDraft[]): Promise<void> {
    if (drafts.length === 0) return;
    await this.#writer.commit(drafts);
  }

  /** What this device presumes of its own next key is not what the authority has decided. */
  #confirmed(writer: WriterId): Member | undefined {
    const { registry } = this.#options;
    return registry.isConfirmed(writer) ? registry.member(writer) : undefined;
  }

  #activeMember(writer: WriterId): Member {
    const member = this.#confirmed(writer);
    if (!member) throw new FeedError('PEER_UNKNOWN', `writer ${writer} is not enrolled`);
    if (member.revocation) throw new FeedError('PEER_REVOKED', `writer ${writer} is revoked`);
    return member;
  }

  #memberOf(key: PublicKey): Member {
    return this.#activeMember(writerIdOf(key));
  }

  #refuseKnown(key: PublicKey): void {
    const { registry } = this.#options;
    const writer = writerIdOf(key);
    if (registry.isConfirmed(writer)) {
      throw new FeedError('KEY_KNOWN', `the key of writer ${writer} is enrolled already`, {
        hint: 'every node makes a key of its own',
      });
    }
  }

  #token(): string {
    return Buffer.from((this.#options.random ?? randomBytes)(TOKEN_BYTES)).toString('base64url');
  }
}

interface RegistryDraft {
  readonly collection: typeof REGISTRY_COLLECTION;
  readonly kind: RegistryKind;
  readonly body: RegistryBody<RegistryKind>;
}

function draft<Kind extends RegistryKind>(kind: Kind, body: RegistryBody<Kind>): RegistryDraft {
  return { collection: REGISTRY_COLLECTION, kind, body };
}

/** Hash of a token: what the registry keeps. Tokens have 256 random bits, so a plain hash is enough. */
export function hashToken(token: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update('branchline token\0').update(token).digest());
}

function checkedKey(key: PublicKey): PublicKey {
  if (key.byteLength !== PUBLIC_KEY_BYTES) {
    throw new FeedError('DEVICE_KEY', `a public key has ${PUBLIC_KEY_BYTES} bytes, got ${key.byteLength}`);
  }
  return key;
}

function plain(grant: Grant): RegistryBody<'enrol'>['grant'] {
  return { ...grant, read: [...grant.read], write: [...grant.write] };
}
