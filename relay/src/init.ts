/**
 * `branchline init`: makes a tenant. Keys, the registry's first entries (the tenant, the relay's own device), the admin token.
 *
 * The admin token is in the answer and nowhere else; its hash is kept. `relay.json` is written last, so a folder left by an
 * interrupted `init` is finished by calling it again, with the keys it had already made.
 */
import { randomBytes } from 'node:crypto';
import { Authority } from '@branchline/feed';
import { isoTime } from 'hlc-ts';
import { DataFolder, FOLDER_FORMAT } from './data-folder.ts';
import { RelayError } from './errors.ts';
import { tokenHash } from './operators.ts';
import type { RelayPorts } from './ports.ts';
import { RelayStore } from './relay-store.ts';

/** Branch code under which the relay itself stands in the fleet. */
const RELAY_CODE = 'relay';
const ADMIN_TOKEN_BYTES = 32;
const TENANT = /^[\p{L}\p{N}][\p{L}\p{N} _.-]{0,62}$/u;

export interface Initialised {
  readonly tenant: string;
  /** Printed once. */
  readonly adminToken: string;
  readonly authority: string;
  readonly relay: string;
}

export async function initRelay(
  ports: RelayPorts,
  { data, tenant }: { data: string; tenant: string },
): Promise<Initialised> {
  if (!TENANT.test(tenant)) {
    throw new RelayError('RELAY_CONFIG', `"${tenant}" is no name for a tenant`, {
      hint: 'Use 1 to 63 letters, digits, spaces, "_", "." or "-", starting with a letter or digit.',
    });
  }
  const folder = new DataFolder(data);
  await folder.make();
  if (await folder.isInitialised()) {
    throw new RelayError('RELAY_EXISTS', `${data} already holds a tenant`, {
      hint: 'Choose another folder, or run the relay there.',
    });
  }
  const authorityKey = await folder.readOrMakeKey('authority');
  const relayKey = await folder.readOrMakeKey('relay');
  const adminToken = randomBytes(ADMIN_TOKEN_BYTES).toString('base64url');
  await folder.writeAdminTokenHash(tokenHash(adminToken));

  const opened = await RelayStore.open(ports, folder, { tenant, authorityKey: authorityKey.publicKey });
  try {
    const { store, registry, now } = opened;
    const authority = await Authority.open({
      key: authorityKey,
      tenant,
      store,
      registry,
      clock: ports.clock,
      now,
    });
    await authority.createTenant();
    await authority.admit({ branch: RELAY_CODE, role: 'relay', publicKey: relayKey.publicKey });
  } finally {
    await opened.close();
  }
  await folder.writeRelay({
    format: FOLDER_FORMAT,
    tenant,
    authorityKey: Buffer.from(authorityKey.publicKey).toString('hex'),
    createdAt: isoTime(ports.clock.nowMs()),
  });
  return { tenant, adminToken, authority: authorityKey.writer, relay: relayKey.writer };
}
