/**
 * Events for addresses of the configuration: the second thing the node delivers, on the same engine.
 *
 * An address is told of what happens from the moment it is configured: that moment is an entry of the feed `local`, so it is the same
 * after a restart and when everything is made again. A job is an event of one order or receipt for one address; its body is read
 * when it is sent. Told again means the same `Idempotency-Key`.
 *
 *     POST <url>   Idempotency-Key: <job>   Branchline-Signature: t=<seconds>,v1=<HMAC-SHA256 of "t.body">
 *
 * Guarantees: at least once, in order per address while nothing is refused. A 4xx ends in quarantine (408, 425 and 429 do not);
 * later events pass it. An address that is no longer configured gets nothing; what waited for it stands in quarantine.
 */
import { createHash, createHmac } from 'node:crypto';
import { type EventBody, eventBodies, type FiscalReceipt, type Order } from '@branchline/model';
import type { DeliverAnswer, DeliverableJob, OutboxFact } from '@branchline/outbox';
import { type Clock, isoTime, stampMs } from 'hlc-ts';
import { z } from 'zod';
import type { Alarms } from '../alarms.ts';
import { type DeliveryPorts, DeliveryQueue } from './delivery-queue.ts';
import type { FedEntry } from './fact-feed.ts';
import { recordIn } from './outbox-journal.ts';

export const WEBHOOKS_MAX = 16;
/** Changes of the configuration remembered; the oldest spans end first. */
export const SPANS_MAX = 256;
export const HOOK_LIMIT_MS = 15_000;

export const hookEvents = ['order.accepted', 'receipt.registered'] as const;
type HookEvent = (typeof hookEvents)[number];

export const webhookConfig = z.strictObject({
  url: z.string().regex(/^https?:\/\/[^\s/]+(\/\S*)?$/, 'must be an address like https://erp.example/hook'),
  /** Both sides know it; bodies are signed with it. */
  secret: z.string().min(16, 'needs at least 16 characters').max(256),
  events: z
    .array(z.enum(hookEvents))
    .min(1)
    .default([...hookEvents]),
});
export type WebhookConfig = z.output<typeof webhookConfig>;

export type Post = (url: string, init: RequestInit) => Promise<Response>;

export interface WebhooksOptions extends DeliveryPorts {
  readonly hooks: readonly WebhookConfig[];
  readonly post: Post;
  readonly tenant: string;
  readonly order: (id: string) => Promise<Order | undefined>;
  readonly receipt: (id: string) => Promise<FiscalReceipt | undefined>;
  readonly isOwn: (writer: string) => boolean;
  readonly alarms: Pick<Alarms, 'raise' | 'clear'>;
}

/** When an address was told of what. Positions of the journal; `to` is open while it stands. */
interface Span {
  readonly hook: string;
  readonly events: readonly string[];
  readonly from: number;
  readonly to?: number;
}

const SPANS_KEY = 'spans';
/** Refusals that pass by themselves. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429]);

export function hookOf(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 12);
}

export function signatureOf(secret: string, seconds: number, body: string): string {
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`;
}

export class Webhooks {
  readonly queue: DeliveryQueue;
  readonly #options: WebhooksOptions;
  readonly #spans: Spans;

  private constructor(options: WebhooksOptions, queue: DeliveryQueue, spans: Spans) {
    this.#options = options;
    this.queue = queue;
    this.#spans = spans;
  }

  /** Undefined where none is configured and none ever was. */
  static async open(options: WebhooksOptions): Promise<Webhooks | undefined> {
    const { hooks, isOwn, alarms } = options;
    const spans = new Spans(options.level);
    await spans.load();
    if (hooks.length === 0 && spans.isEmpty) {
      return undefined;
    }
    const sender = new HookSender(options);
    const queue = await DeliveryQueue.open({
      ...options,
      name: 'hooks',
      collection: 'local',
      reads: (of) => of === 'local' || of.startsWith('orders/') || of.startsWith('receipts/'),
      factsOf: (entry) => factsFor(entry, spans, isOwn),
      beforeApply: () => spans.save(),
      deliver: (job, { signal }) => sender.send(job, signal),
      deadlineMs: HOOK_LIMIT_MS,
      onQuarantine: 'pass',
      onEvent: (event) => {
        if (event.type === 'quarantined') {
          const url = hooks.find((hook) => hookOf(hook.url) === event.job.key)?.url ?? 'a former address';
          alarms.raise('WEBHOOK_REFUSED', `${url} refuses an event. See GET /v1/outbox/quarantine.`);
        } else if (event.type === 'retried' || event.type === 'resolved') {
          alarms.clear('WEBHOOK_REFUSED');
        }
      },
    });
    if (queue.covered === undefined) {
      spans.forget();
    }
    return new Webhooks(options, queue, spans);
  }

  /** Says first what the configuration has changed. */
  async start(): Promise<void> {
    const { hooks, commit } = this.#options;
    await this.queue.start();
    const wanted = new Map(
      hooks.map(({ url, events }) => [hookOf(url), { url, events: [...events] as string[] }]),
    );
    const changed: EventBody<'webhook'>[] = [];
    for (const [hook, { url, events }] of wanted) {
      if (this.#spans.now(hook)?.join() !== events.join()) {
        changed.push({ hook, url, events });
      }
    }
    for (const hook of this.#spans.standing()) {
      if (!wanted.has(hook)) {
        changed.push({ hook, url: '', events: [] });
      }
    }
    if (changed.length > 0) {
      await commit((transaction) => {
        for (const body of changed) {
          transaction.append('local', 'webhook', body);
        }
      });
    }
  }

  /** The address of a line, as people know it. */
  nameOf(key: string): string {
    return this.#options.hooks.find(({ url }) => hookOf(url) === key)?.url ?? `former address ${key}`;
  }
}

function factsFor(entry: FedEntry, spans: Spans, isOwn: (writer: string) => boolean): OutboxFact[] {
  const { kind, body, position } = entry;
  switch (kind) {
    case 'webhook': {
      if (isOwn(entry.writer)) {
        const { hook, events } = eventBodies.webhook.parse(body);
        spans.add(hook, events, position);
      }
      return [];
    }
    case 'outbox-record': {
      const record = recordIn(eventBodies['outbox-record'].parse(body));
      return isOwn(entry.writer) && record.id.startsWith('hook.') ? [record] : [];
    }
    case 'order':
      return spans.tell('order.accepted', eventBodies.order.parse(body).id, entry);
    case 'receipt-record': {
      const { id, record, shift } = eventBodies['receipt-record'].parse(body);
      return record.type === 'fiscal' && shift === undefined
        ? spans.tell('receipt.registered', id, entry)
        : [];
    }
    default:
      return [];
  }
}

class Spans {
  readonly #level;
  #spans: Span[] = [];
  #isDirty = false;

  constructor(level: DeliveryPorts['level']) {
    this.#level = level.sublevel<string, Span[]>('hook-spans', { valueEncoding: 'json' });
  }

  get isEmpty(): boolean {
    return this.#spans.length === 0;
  }

  async load(): Promise<void> {
    await this.#level.open();
    this.#spans = ((await this.#level.get(SPANS_KEY)) as Span[] | undefined) ?? [];
  }

  /** The journal is read from its beginning: they are found there again. */
  forget(): void {
    this.#spans = [];
  }

  async save(): Promise<void> {
    if (this.#isDirty) {
      this.#isDirty = false;
      await this.#level.put(SPANS_KEY, this.#spans);
    }
  }

  add(hook: string, events: readonly string[], position: number): void {
    if (this.#spans.some((span) => span.hook === hook && span.from >= position)) {
      return;
    }
    this.#spans = this.#spans.map((span) =>
      span.hook === hook && span.to === undefined ? { ...span, to: position } : span,
    );
    this.#spans.push({ hook, events, from: position });
    this.#spans = this.#spans.slice(-SPANS_MAX);
    this.#isDirty = true;
  }

  now(hook: string): readonly string[] | undefined {
    return this.#spans.find((span) => span.hook === hook && span.to === undefined)?.events;
  }

  standing(): string[] {
    return this.#spans
      .filter(({ to, events }) => to === undefined && events.length > 0)
      .map(({ hook }) => hook);
  }

  tell(event: HookEvent, subject: string, { position, hlc }: FedEntry): OutboxFact[] {
    return this.#spans
      .filter(
        ({ from, to = Infinity, events }) => from < position && position <= to && events.includes(event),
      )
      .map(({ hook }) => ({
        type: 'added',
        id: `hook.${hook}.${event}.${subject}`,
        key: hook,
        ref: JSON.stringify({ event, subject }),
        addedMs: stampMs(hlc),
      }));
  }
}

class HookSender {
  readonly #hooks: ReadonlyMap<string, WebhookConfig>;
  readonly #options: Pick<WebhooksOptions, 'post' | 'tenant' | 'order' | 'receipt'> & {
    readonly clock: Clock;
  };

  constructor(options: WebhooksOptions) {
    this.#options = options;
    this.#hooks = new Map(options.hooks.map((hook) => [hookOf(hook.url), hook]));
  }

  async send(job: DeliverableJob, signal: AbortSignal): Promise<DeliverAnswer> {
    const { clock, post, tenant, order, receipt } = this.#options;
    const hook = this.#hooks.get(job.key);
    if (hook === undefined) {
      return refused('HOOK_REMOVED', 'the address is no longer configured');
    }
    const { event, subject } = JSON.parse(job.ref) as { event: HookEvent; subject: string };
    const data = event === 'order.accepted' ? await order(subject) : await receipt(subject);
    if (data === undefined) {
      return refused('HOOK_SUBJECT_GONE', `${event}: ${subject} is not known here any more`);
    }
    const at = isoTime(job.addedMs);
    const body = JSON.stringify({ id: job.id, event, tenant, branch: data.branch, at, data });
    const answer = await post(hook.url, {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/json',
        'idempotency-key': job.id,
        'branchline-signature': signatureOf(hook.secret, Math.floor(clock.nowMs() / 1_000), body),
      },
      redirect: 'manual',
      signal,
    });
    await answer.body?.cancel();
    const { status } = answer;
    if (status >= 200 && status < 300) {
      return { type: 'delivered', proof: `HTTP ${status}` };
    }
    if (status >= 300 && status < 500 && !PASSING.has(status)) {
      return refused(`HTTP_${status}`, `the address answers ${status}`);
    }
    const cause = Object.assign(new Error(`the address answers ${status}`), { code: `HTTP_${status}` });
    return { type: 'failed', retryable: true, cause };
  }
}

function refused(code: string, words: string): DeliverAnswer {
  return { type: 'refused', permanent: true, code, words };
}
