/**
 * The operator's hand on the registry: invite branches, admit devices, rotate and revoke keys, by branch code.
 *
 * Thin over the authority: it turns codes into writers and says what happened on the event log. Where the authority's key is
 * kept offline every change is refused with `AUTHORITY_OFFLINE`; reading still works.
 */
import type { Authority, Issued, Member, Registry, Role } from '@branchline/feed';
import { isoTime } from 'hlc-ts';
import { z } from 'zod';
import { RelayError } from './errors.ts';
import type { EventLog } from './event-log.ts';
import { parseRequest } from './http/body.ts';

/** Branches one call may add: five fleets of 200. */
export const BRANCHES_PER_CALL_MAX = 1_000;

const TTL_HOURS_MAX = 24 * 90;

/** Fits into a feed name and a file name. */
const branchCode = z.string().regex(/^[A-Za-z0-9_.-]{1,32}$/, 'must be 1 to 32 of A-Z a-z 0-9 _ . -');

/** What the operator asks for, over HTTP or on the command line. */
export const branchRequests = z.strictObject({
  branches: z
    .array(
      z.strictObject({
        code: branchCode,
        role: z.enum(['branch', 'hq', 'carrier', 'relay']).default('branch'),
        region: branchCode.optional(),
      }),
    )
    .min(1)
    .max(BRANCHES_PER_CALL_MAX),
  ttlHours: z.number().positive().max(TTL_HOURS_MAX).optional(),
});
export type BranchRequests = z.output<typeof branchRequests>;

/** For callers on this machine: the same refusals as over HTTP. */
export function parseBranchRequests(value: unknown): BranchRequests {
  return parseRequest(branchRequests, value);
}

/** What is printed once, or written as a branch's config file. */
export interface BranchToken {
  readonly code: string;
  readonly role: Role;
  readonly token: string;
  readonly expiresAt: string;
}

export class Branches {
  readonly #authority: () => Authority;
  readonly #registry: Registry;
  readonly #events: EventLog;

  constructor(options: { authority: () => Authority; registry: Registry; events: EventLog }) {
    this.#authority = options.authority;
    this.#registry = options.registry;
    this.#events = options.events;
  }

  /** All or none. */
  async add({ branches, ttlHours }: BranchRequests): Promise<BranchToken[]> {
    const issued = await this.#authority().inviteAll(
      branches.map(({ code, role, region }) => ({
        branch: code,
        role,
        ...(region === undefined ? {} : { region }),
        ...(ttlHours === undefined ? {} : { ttlMs: ttlHours * 3_600_000 }),
      })),
    );
    return issued.map(tokenOf);
  }

  /** Called when a device shows its token. */
  async enrol(shown: Parameters<Authority['enrol']>[0]): Promise<Member> {
    const member = await this.#authority().enrol(shown);
    const { branch, role } = member.grant;
    this.#events.add({ type: 'enrolled', writer: member.writer, branch, role });
    return member;
  }

  /** Every key of the branch; how many. */
  async revoke(code: string, reason: string): Promise<number> {
    const { members } = this.#registry.branch(code) ?? unknown(code);
    const count = await this.#authority().revokeBranch(code, reason);
    for (const { writer } of members) {
      this.#events.add({ type: 'revoked', writer, branch: code, reason });
    }
    return count;
  }

  /** One token per key of the branch; the old keys count until the overlap is over. */
  async rotate(code: string): Promise<BranchToken[]> {
    const authority = this.#authority();
    const tokens: BranchToken[] = [];
    const { members } = this.#registry.branch(code) ?? unknown(code);
    for (const { writer } of members.length === 0 ? unknown(code) : members) {
      tokens.push(tokenOf(await authority.rotate({ writer })));
    }
    return tokens;
  }
}

function unknown(code: string): never {
  throw new RelayError('BRANCH_UNKNOWN', `no device of branch ${code} is enrolled`, {
    hint: 'See `branchline branch list`.',
  });
}

function tokenOf({ branch, role, token, expiresMs }: Issued): BranchToken {
  return { code: branch, role, token, expiresAt: isoTime(expiresMs) };
}
