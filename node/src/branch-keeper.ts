/**
 * The registry's operator on a node that keeps the tenant's authority (a chain without a relay): invite, list, rotate, revoke by
 * branch code, and admit devices that show a token. Thin over the authority; answers are those of a relay's `/v1/branches`.
 */
import {
  type Authority,
  decodePublicKey,
  type EnrolAnswer,
  type EnrolRequest,
  type FeedStore,
  type Issued,
  type Member,
  type PublicKey,
  type Registry,
  type Replicator,
  writeEnrolAnswer,
} from '@branchline/feed';
import { ProblemError } from '@branchline/model';
import { isoTime } from 'hlc-ts';
import type { BranchRequest, BranchRow, BranchService, BranchToken } from './services.ts';

export interface BranchKeeperOptions {
  /** Refuses while the registry here may be an old one. */
  readonly authority: () => Authority;
  readonly authorityKey: PublicKey;
  readonly registry: Registry;
  readonly store: FeedStore;
  readonly progress: Replicator['progress'];
  readonly nowMs: () => number;
  readonly isConnected: (writer: Member['writer']) => boolean;
}

export class BranchKeeper implements BranchService {
  readonly #options: BranchKeeperOptions;

  constructor(options: BranchKeeperOptions) {
    this.#options = options;
  }

  /** All or none. */
  async add(
    branches: readonly BranchRequest[],
    ttlHours: number | undefined,
  ): Promise<readonly BranchToken[]> {
    const issued = await this.#options.authority().inviteAll(
      branches.map(({ code, role, region }) => ({
        branch: code,
        role,
        ...(region === undefined ? {} : { region }),
        ...(ttlHours === undefined ? {} : { ttlMs: ttlHours * 3_600_000 }),
      })),
    );
    return issued.map(tokenOf);
  }

  list(): readonly BranchRow[] {
    const { registry, isConnected } = this.#options;
    const progress = new Map(this.#options.progress().map((each) => [each.peer, each]));
    const devices = registry.members().map(({ writer, grant, revocation }): BranchRow => {
      const seen = progress.get(writer);
      const state = revocation !== undefined ? 'revoked' : isConnected(writer) ? 'online' : 'offline';
      return {
        branch: grant.branch,
        role: grant.role,
        nodeLetter: grant.nodeLetter,
        writer,
        state: state === 'offline' && seen === undefined ? 'enrolled' : state,
        lastContact: seen === undefined ? null : isoTime(seen.lastContactMs),
        lag: { entriesThere: seen?.missingThere ?? 0, seconds: 0 },
      };
    });
    const invited = registry
      .invitations()
      .filter(({ usedBy, replaces }) => usedBy === undefined && replaces === undefined)
      .map(({ grant }): BranchRow => {
        const { branch, role, nodeLetter } = grant;
        const lag = { entriesThere: 0, seconds: 0 };
        return { branch, role, nodeLetter, writer: null, state: 'invited', lastContact: null, lag };
      });
    return [...devices, ...invited];
  }

  async revoke(code: string, reason: string): Promise<number> {
    if (this.#options.registry.branch(code) === undefined) {
      unknown(code);
    }
    return await this.#options.authority().revokeBranch(code, reason);
  }

  /** One token per key of the branch; the old keys count until the overlap is over. */
  async rotate(code: string): Promise<readonly BranchToken[]> {
    const tokens: BranchToken[] = [];
    const members = this.#options.registry.branch(code)?.members ?? [];
    for (const { writer } of members.length === 0 ? unknown(code) : members) {
      tokens.push(tokenOf(await this.#options.authority().rotate({ writer })));
    }
    return tokens;
  }

  /** Called when a device shows its token; asking twice with the same key gives the same answer. */
  async enrol({ publicKey, ...shown }: EnrolRequest): Promise<EnrolAnswer> {
    const { authority, authorityKey, registry, store } = this.#options;
    const { writer } = await authority().enrol({ ...shown, publicKey: decodePublicKey(publicKey) });
    return await writeEnrolAnswer({ store, registry, authorityKey, writer });
  }

  /** Called now and then: keys whose overlap with a newer one is over stop counting. */
  async retire(): Promise<void> {
    const nowMs = this.#options.nowMs();
    if (this.#options.registry.members().some(({ overlapUntilMs }) => (overlapUntilMs ?? nowMs) < nowMs)) {
      await this.#options.authority().retire();
    }
  }
}

function unknown(code: string): never {
  throw new ProblemError('BRANCH_UNKNOWN', `No device of branch ${code} is enrolled.`);
}

function tokenOf({ branch, role, token, expiresMs }: Issued): BranchToken {
  return { code: branch, role, token, expiresAt: isoTime(expiresMs) };
}
