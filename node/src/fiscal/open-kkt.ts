/** The register of the settings, as a driver and a way to the operator. Opens nothing yet: the first command does. */
import { randomUUID } from 'node:crypto';
import {
  AtolDriver,
  httpAtolCall,
  type KktDriver,
  type OpenLine,
  PiritDriver,
  ShtrihDriver,
  serialLine,
  taxSystems,
  tcpLine,
  tcpOfdLink,
} from '@branchline/fiscal';
import type { OperationMode } from '@branchline/model';
import type { Clock } from 'hlc-ts';
import { z } from 'zod';
import type { NodeKkt } from './open-fiscal.ts';

/** Of the line, where the settings do not say: what each family leaves the factory with. */
const BAUD_RATES = { shtrih: 115_200, pirit: 57_600 } as const;

const hostAndPort = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[^\s:/]+):\d{1,5}$/, 'must be HOST:PORT, e.g. 192.168.1.5:7778');

const common = {
  taxSystem: z.enum(Object.keys(taxSystems) as [keyof typeof taxSystems]).default('general'),
  /** Number of the storage, when it was replaced: sales go on with this one and no other. */
  fn: z
    .string()
    .regex(/^\d{16}$/, 'must be 16 digits')
    .optional(),
};
const line = {
  /** `HOST:PORT`, or the path of a serial port: `/dev/ttyACM0`, `COM3`. */
  address: z.string().min(1),
  baudRate: z.int().min(1200).max(921_600).optional(),
};

const shtrih = z.strictObject({
  driver: z.literal('shtrih').default('shtrih'),
  ...common,
  ...line,
  /** Framing; found out when left out. */
  protocol: z.enum(['v1', 'v2']).optional(),
  password: z.int().min(0).max(99_999_999).optional(),
  /** The operator of fiscal data, where the node carries documents; left out where the register does so itself. */
  ofd: hostAndPort.optional(),
});

const OWN_OFD =
  'this register carries its documents itself: set the operator there and leave `kkt.ofd` out; the node watches the queue';
const noOfd = z.undefined({ error: OWN_OFD }).optional();

const atol = z.strictObject({
  driver: z.literal('atol'),
  ...common,
  /** Of the vendor's web server, 16732 unless somebody changed it. */
  address: z
    .string()
    .regex(
      /^(\[[0-9a-fA-F:]+\]|[^\s:/]+):\d{1,5}$/,
      'must be HOST:PORT of the ATOL web server, e.g. 127.0.0.1:16732',
    ),
  /** `user:password`, where the web server asks for it. */
  password: z
    .string()
    .regex(/^[^:]+:.+$/, 'must be USER:PASSWORD of the web server')
    .optional(),
  ofd: noOfd,
});

const pirit = z.strictObject({
  driver: z.literal('pirit'),
  ...common,
  ...line,
  /** Of the link: four characters, `PIRI` when it left the factory. */
  password: z
    .string()
    .regex(/^[\x20-\x7e]{4}$/, 'must be four characters')
    .optional(),
  /** Of the shop's wall clock, which the device is told when it is switched on; left out: of this machine. */
  utcOffsetMinutes: z.int().min(-720).max(840).optional(),
  ofd: noOfd,
});

export const kktConfig = z.preprocess(
  // The first family there was need not be named.
  (value) =>
    typeof value === 'object' && value !== null && !('driver' in value)
      ? { ...value, driver: 'shtrih' }
      : value,
  z.discriminatedUnion('driver', [shtrih, atol, pirit], {
    error: ({ code }) => (code === 'invalid_union' ? 'must be one of shtrih, atol, pirit' : undefined),
  }),
);
export type KktConfig = z.output<typeof kktConfig>;

/** In any mode but `hybrid` nothing is dialled without being asked, the operator no more than a peer. */
export function openKkt(config: KktConfig, mode: OperationMode, clock: Clock): NodeKkt {
  const { taxSystem, fn } = config;
  const ofd = config.driver === 'shtrih' && mode === 'hybrid' ? config.ofd : undefined;
  const ofdLink = ofd === undefined ? undefined : tcpOfdLink({ ...split(ofd), clock });
  return { driver: driverOf(config, clock), taxSystem, fn, ofdLink };
}

function driverOf(config: KktConfig, clock: Clock): KktDriver {
  switch (config.driver) {
    case 'shtrih': {
      const { protocol, password } = config;
      return new ShtrihDriver({
        openLine: lineOf(config, BAUD_RATES.shtrih, clock),
        clock,
        ...(protocol === undefined ? {} : { protocol }),
        ...(password === undefined ? {} : { password }),
      });
    }
    case 'atol': {
      const auth = config.password === undefined ? {} : { auth: config.password };
      const call = httpAtolCall({ ...split(config.address), clock, ...auth });
      return new AtolDriver({ call, clock, newUuid: randomUUID });
    }
    case 'pirit': {
      const { password, utcOffsetMinutes } = config;
      return new PiritDriver({
        openLine: lineOf(config, BAUD_RATES.pirit, clock),
        clock,
        wallSeconds: () =>
          Math.floor(clock.nowMs() / 1_000) + (utcOffsetMinutes ?? offsetOf(clock.nowMs())) * 60,
        ...(password === undefined ? {} : { password }),
      });
    }
    default:
      return config satisfies never;
  }
}

function lineOf(
  { address, baudRate }: { readonly address: string; readonly baudRate?: number | undefined },
  usual: number,
  clock: Clock,
): OpenLine {
  return hostAndPort.safeParse(address).success
    ? tcpLine({ ...split(address), clock })
    : serialLine({ path: address, baudRate: baudRate ?? usual });
}

/** Minutes this machine's wall clock is ahead of UTC. */
function offsetOf(nowMs: number): number {
  const parts = new Intl.DateTimeFormat('en', { timeZoneName: 'longOffset' }).formatToParts(nowMs);
  const name = parts.find(({ type }) => type === 'timeZoneName')?.value ?? '';
  const [, sign, hours, minutes] = /GMT([+-])(\d{2}):(\d{2})/.exec(name) ?? [];
  return sign === undefined ? 0 : (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}

function split(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}
