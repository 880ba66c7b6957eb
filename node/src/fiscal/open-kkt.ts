/** The register of the settings, as a driver and a way to the operator. Opens nothing yet: the first command does. */
import { ShtrihDriver, serialLine, taxSystems, tcpLine, tcpOfdLink } from '@branchline/fiscal';
import type { OperationMode } from '@branchline/model';
import type { Clock } from 'hlc-ts';
import { z } from 'zod';
import type { NodeKkt } from './open-fiscal.ts';

const BAUD_RATE = 115_200;

const hostAndPort = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[^\s:/]+):\d{1,5}$/, 'must be HOST:PORT, e.g. 192.168.1.5:7778');

export const kktConfig = z.strictObject({
  driver: z.enum(['shtrih']).default('shtrih'),
  /** `HOST:PORT`, or the path of a serial port: `/dev/ttyACM0`, `COM3`. */
  address: z.string().min(1),
  baudRate: z.int().min(1200).max(921_600).default(BAUD_RATE),
  /** Framing; found out when left out. */
  protocol: z.enum(['v1', 'v2']).optional(),
  password: z.int().min(0).max(99_999_999).optional(),
  taxSystem: z.enum(Object.keys(taxSystems) as [keyof typeof taxSystems]).default('general'),
  /** Number of the storage, when it was replaced: sales go on with this one and no other. */
  fn: z
    .string()
    .regex(/^\d{16}$/, 'must be 16 digits')
    .optional(),
  /** The operator of fiscal data, where the node carries documents; left out where the register does so itself. */
  ofd: hostAndPort.optional(),
});
export type KktConfig = z.output<typeof kktConfig>;

/** In any mode but `hybrid` nothing is dialled without being asked, the operator no more than a peer. */
export function openKkt(config: KktConfig, mode: OperationMode, clock: Clock): NodeKkt {
  const { address, baudRate, protocol, password, taxSystem, fn, ofd } = config;
  const tcp = hostAndPort.safeParse(address).success ? split(address) : undefined;
  const driver = new ShtrihDriver({
    openLine: tcp === undefined ? serialLine({ path: address, baudRate }) : tcpLine({ ...tcp, clock }),
    clock,
    ...(protocol === undefined ? {} : { protocol }),
    ...(password === undefined ? {} : { password }),
  });
  const ofdLink = ofd === undefined || mode !== 'hybrid' ? undefined : tcpOfdLink({ ...split(ofd), clock });
  return { driver, taxSystem, fn, ofdLink };
}

function split(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}
