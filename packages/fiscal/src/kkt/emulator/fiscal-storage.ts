/**
 * A fiscal storage as a model: it numbers, signs and keeps documents, queues them for the operator, and refuses where a real
 * one would. NOT a fiscal storage: numbers begin with 9999, signs with 0999, and no operator takes its documents.
 *
 * Guarantees: numbers step by one; a document once registered is never changed; the queue is in order and a ticket is taken
 * only for its head; with a document older than 30 days in the queue nothing more is registered, not even the end of a shift.
 * What it holds survives a loss of power, as does the archive of a real one; the document under construction may not.
 */
import { decodeTagList, encodeTag, findTag } from '../../ffd/document.ts';
import { checkTags } from '../../ffd/document-check.ts';
import type { SettlementKind, TaxSystem } from '../../ffd/enumerations.ts';
import { RECEIPT_BYTES_MAX } from '../../ffd/receipt-tags.ts';
import { FFD_VERSION_CODES, type FfdVersion, type TagInput } from '../../ffd/tag.ts';
import { hexOfBytes } from '../../hex.ts';
import { readAcknowledgement } from '../../ofd/acknowledgement.ts';
import { encodeContainer } from '../../ofd/container.ts';
import { encodeSession } from '../../ofd/session-header.ts';
import { Refusal, storageRefusal } from './refusal.ts';

export const BACKLOG_DAYS_MAX = 30;
export const SHIFT_SECONDS_MAX = 24 * 3600;
/** Documents over the life of a storage. */
export const DOCUMENTS_MAX = 250_000;

const DAY_SECONDS = 86_400;
/** Signs of this model: nobody takes one for real. */
const FAKE_SIGN_BASE = 999_000_000;

export interface StoredDocument {
  readonly fd: number;
  readonly fp: number;
  readonly form: number;
  readonly atSeconds: number;
  /** Tags, without the outer one. */
  readonly tags: Uint8Array;
  readonly shift: number;
  readonly receiptNumber?: number;
  readonly settlement?: SettlementKind;
  readonly totalMinor?: number;
  readonly ticket?: Uint8Array;
}

export interface RegistrationData {
  readonly inn: string;
  readonly number: string;
  readonly ffd: Exclude<FfdVersion, '1.0'>;
  readonly taxSystems: readonly TaxSystem[];
}

export interface StorageOptions {
  readonly fn: string;
  readonly registration: RegistrationData;
  readonly expiresSeconds: number;
  readonly capacity?: number;
}

export interface NewDocument {
  readonly form: number;
  readonly tags: readonly (TagInput | Uint8Array)[];
  readonly atSeconds: number;
  readonly settlement?: SettlementKind;
  readonly totalMinor?: number;
  readonly isReceipt?: boolean;
}

export class FiscalStorage {
  readonly fn: string;
  readonly registration: RegistrationData;
  readonly capacity: number;
  expiresSeconds: number;
  readonly #documents: StoredDocument[] = [];
  #shift = { isOpen: false, number: 0, openedSeconds: 0, receipts: 0 };
  #acknowledged = 0;
  /** Kind of the document under construction, as the storage numbers them; 0 for none. */
  current = 0;

  constructor({ fn, registration, expiresSeconds, capacity = DOCUMENTS_MAX }: StorageOptions) {
    if (!fn.startsWith('9999')) throw new Error('an emulated storage has a number that begins with 9999');
    this.fn = fn;
    this.registration = registration;
    this.expiresSeconds = expiresSeconds;
    this.capacity = capacity;
  }

  get documents(): readonly StoredDocument[] {
    return this.#documents;
  }

  get lastFd(): number {
    return this.#documents.length;
  }

  get shift(): Readonly<{ isOpen: boolean; number: number; openedSeconds: number; receipts: number }> {
    return this.#shift;
  }

  /** Documents without a ticket, oldest first. */
  get unacknowledged(): readonly StoredDocument[] {
    return this.#documents.slice(this.#acknowledged);
  }

  find(fd: number): StoredDocument | undefined {
    return this.#documents[fd - 1];
  }

  isShiftExpired(atSeconds: number): boolean {
    return this.#shift.isOpen && atSeconds - this.#shift.openedSeconds >= SHIFT_SECONDS_MAX;
  }

  /** Bits as the storage reports them. */
  warnings(atSeconds: number): number {
    const leftDays = (this.expiresSeconds - atSeconds) / DAY_SECONDS;
    const oldest = this.#documents[this.#acknowledged];
    const isLate = oldest !== undefined && atSeconds - oldest.atSeconds >= 2 * DAY_SECONDS;
    return (
      (leftDays < 3 ? 1 : 0) |
      (leftDays < 30 ? 2 : 0) |
      (this.lastFd >= this.capacity * 0.9 ? 4 : 0) |
      (isLate ? 8 : 0)
    );
  }

  /** Throws where a document of any kind could not be registered now. */
  checkReady(atSeconds: number): void {
    const oldest = this.#documents[this.#acknowledged];
    const last = this.#documents.at(-1);
    if (atSeconds >= this.expiresSeconds) throw storageRefusal('expired');
    if (this.lastFd >= this.capacity) throw storageRefusal('full');
    if (last !== undefined && atSeconds < last.atSeconds) throw storageRefusal('clock');
    if (oldest !== undefined && atSeconds - oldest.atSeconds >= BACKLOG_DAYS_MAX * DAY_SECONDS) {
      throw storageRefusal('backlog-old');
    }
  }

  register(document: NewDocument): StoredDocument {
    const { form, atSeconds } = document;
    this.checkReady(atSeconds);
    const isShiftOpening = form === 2;
    if (isShiftOpening === this.#shift.isOpen && form !== 1 && form !== 21) throw storageRefusal('state');
    if (form !== 5 && this.isShiftExpired(atSeconds)) throw storageRefusal('shift-expired');
    const shift = isShiftOpening ? this.#shift.number + 1 : this.#shift.number;
    const receiptNumber = document.isReceipt ? this.#shift.receipts + 1 : undefined;
    const fd = this.lastFd + 1;
    const fp = FAKE_SIGN_BASE + fd;
    const stored: StoredDocument = {
      fd,
      fp,
      form,
      atSeconds,
      tags: this.#tagsOf(document, fd, fp, shift, receiptNumber),
      shift,
      ...(receiptNumber === undefined ? {} : { receiptNumber }),
      ...(document.settlement === undefined ? {} : { settlement: document.settlement }),
      ...(document.totalMinor === undefined ? {} : { totalMinor: document.totalMinor }),
    };
    this.#documents.push(stored);
    if (isShiftOpening) this.#shift = { isOpen: true, number: shift, openedSeconds: atSeconds, receipts: 0 };
    if (form === 5) this.#shift = { ...this.#shift, isOpen: false };
    if (receiptNumber !== undefined) this.#shift = { ...this.#shift, receipts: receiptNumber };
    this.current = 0;
    return stored;
  }

  /** The message for the operator; undefined when everything is acknowledged. */
  message(): Uint8Array | undefined {
    const document = this.#documents[this.#acknowledged];
    if (document === undefined) return undefined;
    const outer = Buffer.alloc(4);
    outer.writeUInt16LE(document.form, 0);
    outer.writeUInt16LE(document.tags.length, 2);
    const body = Buffer.concat([outer, document.tags]);
    const container = encodeContainer({ form: document.form, fn: this.fn, fd: document.fd, body });
    return encodeSession({
      fn: this.fn,
      body: container,
      formatVersion: FORMAT_VERSIONS[this.registration.ffd],
    });
  }

  /** Takes a ticket for the head of the queue; everything else is refused. */
  accept(message: Uint8Array): void {
    const document = this.#documents[this.#acknowledged];
    if (document === undefined) throw storageRefusal('no-data');
    let sign: Uint8Array | undefined;
    try {
      const { key, ticket } = readAcknowledgement(message);
      if (key.fn === this.fn && key.fd === document.fd) sign = ticket?.operatorSign ?? new Uint8Array(18);
    } catch {
      // Whatever it is, it is no ticket.
    }
    if (sign === undefined) throw storageRefusal('message-refused');
    this.#documents[this.#acknowledged] = { ...document, ticket: sign };
    this.#acknowledged += 1;
  }

  #tagsOf(
    { form, tags, atSeconds }: NewDocument,
    fd: number,
    fp: number,
    shift: number,
    receiptNumber: number | undefined,
  ): Uint8Array {
    const { inn, number, ffd } = this.registration;
    const own: TagInput[] = [
      { tag: 1041, value: this.fn },
      { tag: 1037, value: number },
      { tag: 1018, value: inn },
      { tag: 1012, value: atSeconds },
      ...(form === 1 ? [] : [{ tag: 1038, value: shift }]),
      ...(receiptNumber === undefined ? [] : [{ tag: 1042, value: receiptNumber }]),
      { tag: 1209, value: FFD_VERSION_CODES[ffd] },
      { tag: 1040, value: fd },
      { tag: 1077, value: fp },
    ];
    const encoded = [...own, ...tags].map((tag) =>
      tag instanceof Uint8Array ? tag : encodeTag(tag, ffd, form),
    );
    const bytes = new Uint8Array(Buffer.concat(encoded));
    if (bytes.length > RECEIPT_BYTES_MAX) throw storageRefusal('too-large');
    const findings = checkTags(ffd, form, decodeTagList(bytes, ffd, form));
    // A storage answers a doubled or misplaced tag with one number and no word.
    if (findings.some(({ kind }) => kind !== 'missing')) throw new Refusal('tags-wrong');
    return bytes;
  }

  /** For a program that is stopped and started again. */
  toJson(): StorageJson {
    return {
      fn: this.fn,
      registration: this.registration,
      expiresSeconds: this.expiresSeconds,
      capacity: this.capacity,
      shift: this.#shift,
      acknowledged: this.#acknowledged,
      documents: this.#documents.map(({ tags, ticket, ...rest }) => ({
        ...rest,
        tags: hexOfBytes(tags),
        ...(ticket === undefined ? {} : { ticket: hexOfBytes(ticket) }),
      })),
    };
  }

  static fromJson(json: StorageJson): FiscalStorage {
    const storage = new FiscalStorage(json);
    for (const { tags, ticket, ...rest } of json.documents) {
      storage.#documents.push({
        ...rest,
        tags: new Uint8Array(Buffer.from(tags, 'hex')),
        ...(ticket === undefined ? {} : { ticket: new Uint8Array(Buffer.from(ticket, 'hex')) }),
      });
    }
    storage.#shift = { ...json.shift };
    storage.#acknowledged = json.acknowledged;
    return storage;
  }
}

export interface StorageJson extends StorageOptions {
  readonly capacity: number;
  readonly shift: FiscalStorage['shift'];
  readonly acknowledged: number;
  readonly documents: readonly (Omit<StoredDocument, 'tags' | 'ticket'> & {
    readonly tags: string;
    readonly ticket?: string;
  })[];
}

const FORMAT_VERSIONS: Readonly<Record<RegistrationData['ffd'], string>> = {
  '1.05': '0105',
  '1.1': '0110',
  '1.2': '0120',
};

/** Value of the node's mark in a document's tags, for tests that look into the storage itself. */
export function markOfStored(document: StoredDocument, ffd: FfdVersion): string | undefined {
  const inside = findTag(decodeTagList(document.tags, ffd, document.form), 1084)?.value;
  const value = Array.isArray(inside) ? findTag(inside, 1086)?.value : undefined;
  return typeof value === 'string' ? value : undefined;
}
