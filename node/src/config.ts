/**
 * What a node is told from outside: a JSON file, overridden by `BRANCHLINE_*`, which come after the replaced system's
 * `POS_OFFLINE_*`; flags of the command line win over all.
 *
 *     flags  >  BRANCHLINE_*  >  POS_OFFLINE_SYNC_*  >  POS_OFFLINE_*  >  file  >  defaults
 *
 * Guarantees: a value that is wrong is named together with where it came from and what is accepted; unknown keys are refused, so a
 * typing error cannot silently leave a default in force. Reads no file and no environment itself: both are handed in.
 */
import { branchCode, operationMode } from '@branchline/model';
import { z } from 'zod';
import { WEBHOOKS_MAX, webhookConfig } from './delivery/webhooks.ts';
import { NodeError } from './errors.ts';
import { kktConfig } from './fiscal/open-kkt.ts';
import { heartbeatConfig } from './heartbeat/heartbeat.ts';

/** Peers dialled besides the relay. */
export const PEERS_MAX = 64;

const url = z
  .string()
  .regex(/^(https?|wss?):\/\/[^\s/]+(\/\S*)?$/, 'must be an address like https://relay.example')
  .transform((text) => text.replace(/\/+$/, ''));

const listen = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[^\s:/]+):\d{1,5}$/, 'must be HOST:PORT, e.g. 127.0.0.1:8080')
  .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65535, 'port must be at most 65535');

export const nodeConfig = z.strictObject({
  /** Directory of everything this node keeps. */
  data: z.string({ error: 'name the folder of this node: --data DIR, or "data" in its config file' }).min(1),
  /** Where tills reach it; loopback unless told otherwise. Port 0 takes a free one. */
  listen: listen.default('127.0.0.1:8080'),
  /** The branch this node is meant for; refused when the enrolment says otherwise. */
  branch: branchCode.optional(),
  /** The relay to replicate with. None = only peers. */
  relay: url.optional(),
  /** Who enrols this device, when that is not the relay: the HQ node that keeps the authority. */
  enrol: url.optional(),
  /** One-time enrolment token; needed until the device is enrolled. */
  token: z.string().min(1).optional(),
  /** Other nodes to replicate with directly. */
  peers: z.array(url).max(PEERS_MAX).default([]),
  mode: operationMode.default('hybrid'),
  /** Where browsers of operators reach its pages, when that is not the listening address; it answers to that name, too. */
  publicUrl: z
    .string()
    .regex(/^https?:\/\/[^\s/]+$/, 'must be an address like https://hq.example, without a path')
    .optional(),
  /** Names this node answers to besides its own address. */
  allowedHosts: z.array(z.string().min(1)).default([]),
  /** The cash register of this branch; without it no receipts are printed. */
  kkt: kktConfig.optional(),
  /** The API of the replaced register adapter, and its heartbeat. */
  kktApi: z
    .strictObject({
      /** Programs of this machine may call it without a token, in this role; left out, a token is needed. */
      loopbackRole: z.enum(['cashier', 'manager', 'admin']).optional(),
      /** How long a receipt waits for its paper before it is answered `buffered`. */
      waitSeconds: z.int().min(0).max(30).optional(),
      heartbeat: heartbeatConfig.optional(),
    })
    .optional(),
  /** Addresses told of events; see the README for what they get. */
  webhooks: z
    .array(webhookConfig)
    .max(WEBHOOKS_MAX)
    .refine((hooks) => new Set(hooks.map(({ url }) => url)).size === hooks.length, 'name each address once')
    .default([]),
  log: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  /** Period of the replaced system's setting: kept as the longest pause between two attempts to reach a peer. */
  syncIntervalSeconds: z.coerce.number().int().min(1).max(3600).default(30),
});
export type NodeConfig = z.output<typeof nodeConfig>;
export type NodeConfigInput = Partial<z.input<typeof nodeConfig>>;

type Setting = keyof NodeConfigInput;

/** The replaced system's names after their prefix; it read the short prefix and documented both. */
const replacedNames: readonly (readonly [name: string, setting: Setting])[] = [
  ['WAREHOUSE_ID', 'branch'],
  ['CLOUD_URL', 'relay'],
  ['API_KEY', 'token'],
  ['SYNC_INTERVAL', 'syncIntervalSeconds'],
  ['MODE', 'mode'],
  ['OPERATION_MODE', 'mode'],
];

const environmentNames: readonly (readonly [name: string, setting: Setting])[] = [
  ...['POS_OFFLINE', 'POS_OFFLINE_SYNC'].flatMap((prefix) =>
    replacedNames.map(([name, setting]) => [`${prefix}_${name}`, setting] as const),
  ),
  ['BRANCHLINE_DATA', 'data'],
  ['BRANCHLINE_LISTEN', 'listen'],
  ['BRANCHLINE_BRANCH', 'branch'],
  ['BRANCHLINE_RELAY', 'relay'],
  ['BRANCHLINE_ENROL', 'enrol'],
  ['BRANCHLINE_TOKEN', 'token'],
  ['BRANCHLINE_PEERS', 'peers'],
  ['BRANCHLINE_MODE', 'mode'],
  ['BRANCHLINE_PUBLIC_URL', 'publicUrl'],
  ['BRANCHLINE_ALLOWED_HOSTS', 'allowedHosts'],
  ['BRANCHLINE_LOG', 'log'],
  ['BRANCHLINE_SYNC_INTERVAL_SECONDS', 'syncIntervalSeconds'],
];

/** Settings whose environment value is a list separated by commas. */
const lists: ReadonlySet<Setting> = new Set(['peers', 'allowedHosts']);

export interface ConfigSources {
  /** Parsed JSON of the config file, and its name for messages. */
  readonly file?: { readonly name: string; readonly content: unknown } | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly flags?: NodeConfigInput | undefined;
}

export function readConfig(sources: ConfigSources): NodeConfig {
  const origin = new Map<string, string>();
  const merged: Record<string, unknown> = {};
  const put = (setting: string, value: unknown, from: string): void => {
    if (value !== undefined) {
      merged[setting] = value;
      origin.set(setting, from);
    }
  };
  for (const [setting, value] of Object.entries(fileContent(sources))) {
    put(setting, value, sources.file?.name ?? 'config');
  }
  for (const [name, setting] of environmentNames) {
    const text = sources.environment[name];
    if (text !== undefined && text !== '') {
      put(setting, lists.has(setting) ? text.split(',').map((part) => part.trim()) : text, name);
    }
  }
  if (isFalse(sources.environment.POS_OFFLINE_SYNC_ENABLED)) {
    put('mode', 'offline', 'POS_OFFLINE_SYNC_ENABLED');
  }
  for (const [setting, value] of Object.entries(sources.flags ?? {})) {
    put(setting, value, `--${setting}`);
  }
  const parsed = nodeConfig.safeParse(merged);
  if (!parsed.success) {
    throw invalid(parsed.error, origin);
  }
  return parsed.data;
}

function fileContent(sources: ConfigSources): Record<string, unknown> {
  if (sources.file === undefined) {
    return {};
  }
  const { name, content } = sources.file;
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new NodeError('NODE_CONFIG', `${name} must hold one JSON object`, {
      hint: 'See the README of the node for an example.',
    });
  }
  return content as Record<string, unknown>;
}

function isFalse(text: string | undefined): boolean {
  return text !== undefined && /^(0|false|no|off)$/i.test(text.trim());
}

function invalid(error: z.ZodError, origin: ReadonlyMap<string, string>): NodeError {
  const words = error.issues.map((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => `"${key}" (${origin.get(key) ?? 'config'}) is not a setting`).join('; ');
    }
    const setting = String(issue.path[0] ?? '');
    const from = origin.get(setting);
    return `${setting}${from === undefined ? '' : ` (from ${from})`}: ${issue.message}`;
  });
  return new NodeError('NODE_CONFIG', words.join('; '), {
    hint: `Settings are ${Object.keys(nodeConfig.shape).join(', ')}.`,
  });
}
