/**
 * What a relay is told from outside: a JSON file, overridden by `BRANCHLINE_*`, overridden by the flags of the command line.
 *
 * Guarantees: a wrong value is named together with where it came from; unknown keys are refused, so that a typing error
 * cannot leave a default in force. Reads no file and no environment itself: both are handed in.
 */
import { z } from 'zod';
import { RelayError } from './errors.ts';

const listen = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[^\s:/]+):\d{1,5}$/, 'must be HOST:PORT, e.g. 127.0.0.1:8090')
  .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65535, 'the port must be at most 65535');

const relayConfig = z.strictObject({
  /** Folder of everything this relay keeps; made by `init`. */
  data: z.string().min(1),
  /** Loopback unless told otherwise. Port 0 takes a free one. */
  listen: listen.default('127.0.0.1:8090'),
  /** The address branches are given in their config files; the listening address unless told otherwise. */
  publicUrl: z
    .string()
    .regex(/^(https?|wss?):\/\/[^\s/]+(\/\S*)?$/, 'must be an address like https://relay.example')
    .optional(),
  /** Device connections at once. Twice a fleet of 200, and room. */
  connectionsMax: z.coerce.number().int().min(1).max(10_000).default(1_000),
  /** Handshakes at once, and of one address: many branches may stand behind one. */
  halfOpenMax: z.coerce.number().int().min(1).max(10_000).default(256),
  halfOpenPerAddressMax: z.coerce.number().int().min(1).max(10_000).default(256),
  log: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
});
export type RelayConfig = z.output<typeof relayConfig>;
export type RelayConfigInput = Partial<z.input<typeof relayConfig>>;

const ENVIRONMENT: readonly (readonly [name: string, setting: keyof RelayConfigInput])[] = [
  ['BRANCHLINE_DATA', 'data'],
  ['BRANCHLINE_LISTEN', 'listen'],
  ['BRANCHLINE_PUBLIC_URL', 'publicUrl'],
  ['BRANCHLINE_CONNECTIONS_MAX', 'connectionsMax'],
  ['BRANCHLINE_LOG', 'log'],
];

export interface RelayConfigSources {
  /** Parsed JSON of the config file, and its name for messages. */
  readonly file?: { readonly name: string; readonly content: unknown } | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly flags?: RelayConfigInput | undefined;
  /** What whoever starts it takes where nothing else is said. */
  readonly defaults?: RelayConfigInput | undefined;
}

export function readRelayConfig({ file, environment, flags, defaults }: RelayConfigSources): RelayConfig {
  const origin = new Map<string, string>();
  const merged: Record<string, unknown> = { ...defaults };
  const put = (setting: string, value: unknown, from: string): void => {
    if (value !== undefined && value !== '') {
      merged[setting] = value;
      origin.set(setting, from);
    }
  };
  if (file !== undefined) {
    if (typeof file.content !== 'object' || file.content === null || Array.isArray(file.content)) {
      throw new RelayError('RELAY_CONFIG', `${file.name} must hold one JSON object`);
    }
    for (const [setting, value] of Object.entries(file.content)) {
      put(setting, value, file.name);
    }
  }
  for (const [name, setting] of ENVIRONMENT) {
    put(setting, environment[name], name);
  }
  for (const [setting, value] of Object.entries(flags ?? {})) {
    put(setting, value, `--${setting}`);
  }
  const parsed = relayConfig.safeParse(merged);
  if (parsed.success) {
    return parsed.data;
  }
  throw new RelayError('RELAY_CONFIG', describe(parsed.error, origin), {
    hint: `Settings are ${Object.keys(relayConfig.shape).join(', ')}.`,
  });
}

function describe(error: z.ZodError, origin: ReadonlyMap<string, string>): string {
  const words = error.issues.map((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => `"${key}" (${origin.get(key)}) is not a setting`).join('; ');
    }
    const setting = String(issue.path[0]);
    const from = origin.get(setting);
    return `${setting}${from === undefined ? '' : ` (from ${from})`}: ${issue.message}`;
  });
  return words.join('; ');
}
