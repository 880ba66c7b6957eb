/**
 * What crosses between a fiscal storage and its operator, as far as a carrier may look: whose document a message is, and
 * whether an answer is an answer to it.
 *
 * The key of a document is (FN number, FD number, fiscal sign). Number and number stand in the header of every container;
 * the sign is inside the body and can be read only where the storage does not encrypt, so it may be unknown.
 *
 * Guarantees: an acknowledgement for another storage or another document is refused by its header alone, and by its body as
 * well where that can be read. Whether it is genuine only the storage can tell: it knows the keys.
 */
import { FiscalError } from '../errors.ts';
import { decodeDocument, type FfdDocument, findTag } from '../ffd/document.ts';
import type { TagNode } from '../ffd/tag.ts';
import { type Container, decodeContainer } from './container.ts';
import { decodeSession, ffdVersionOf, type SessionHeader } from './session-header.ts';

export const ACKNOWLEDGEMENT_FORM = 7;

export interface DocumentKey {
  readonly fn: string;
  readonly fd: number;
  /** Printed fiscal sign; unknown where the body is encrypted and nobody else told. */
  readonly fp?: number;
}

/** A message on its way to the operator. */
export interface OutgoingMessage {
  readonly key: DocumentKey;
  readonly form: number;
}

/** Tag 1022. */
export const RESPONSE_ACCEPTED = 0;
export const RESPONSE_NOT_RECOGNISED = 11;
/** The document has a fault of form and is received all the same. */
export const RESPONSE_FAULTY = 14;

/** Bits of tag 1206. */
export const OPERATOR_MESSAGES = {
  2: 'format-fault',
  64: 'contact-operator',
  128: 'operator-closes',
} as const;

/** What the operator says, where it says it in clear. */
export interface Ticket {
  readonly responseCode: number;
  /** Bits of tag 1206; 0 when absent. */
  readonly messageBits: number;
  readonly operatorInn: string;
  /** Seconds since 1970, UTC: the one time in the format that is. */
  readonly atSeconds: number;
  readonly operatorSign?: Uint8Array;
}

export interface Acknowledgement {
  readonly key: DocumentKey;
  /** Absent where the storage encrypts. */
  readonly ticket?: Ticket;
}

/** Reads a message of `fn`; `FN_MESSAGE_FOREIGN` when it is somebody else's. */
export function readOutgoing(message: Uint8Array, fn: string): OutgoingMessage {
  const { session, container } = decodeMessage(message);
  const { header } = container;
  if (header.fn !== fn || session.fn !== fn) {
    throw new FiscalError('FN_MESSAGE_FOREIGN', `the storage ${fn} offers a message of ${header.fn}`, {
      hint: 'The storage was changed, or another device answers on this line: check the device and restart.',
    });
  }
  const document = readableBody(container, session);
  const sign = document && numberOf(findTag(document.nodes, 1077));
  return {
    key: { fn, fd: header.fd, ...(sign === undefined ? {} : { fp: sign }) },
    form: header.form,
  };
}

export function readAcknowledgement(message: Uint8Array): Acknowledgement {
  const { session, container } = decodeMessage(message);
  const { header } = container;
  if (header.form !== ACKNOWLEDGEMENT_FORM) {
    throw new FiscalError('OFD_ACK_INVALID', `form ${header.form} is no acknowledgement`);
  }
  if (session.fn !== header.fn) {
    throw new FiscalError('OFD_ACK_FOREIGN', `session of ${session.fn}, container of ${header.fn}`);
  }
  const key = { fn: header.fn, fd: header.fd };
  const document = readableBody(container, session);
  return document === undefined ? { key } : { key, ticket: readTicket(document, key) };
}

/** An acknowledgement of exactly this document; anything else throws. */
export function readAnswerTo(key: DocumentKey, message: Uint8Array): Acknowledgement {
  const acknowledgement = readAcknowledgement(message);
  const { fn, fd } = acknowledgement.key;
  if (fn !== key.fn || fd !== key.fd) {
    throw new FiscalError('OFD_ACK_FOREIGN', `an answer to ${fn}/${fd} came for ${key.fn}/${key.fd}`, {
      retryable: true,
    });
  }
  return acknowledgement;
}

function decodeMessage(message: Uint8Array): {
  readonly session: SessionHeader;
  readonly container: Container;
} {
  const { session, body } = decodeSession(message);
  return { session, container: decodeContainer(body) };
}

/** The body as a document, if that is what it is; undefined is the ordinary case of an encrypting storage. */
function readableBody({ header, body }: Container, session: SessionHeader): FfdDocument | undefined {
  try {
    const document = decodeDocument(body, { version: ffdVersionOf(session) });
    return document.form.code === header.form ? document : undefined;
  } catch (error) {
    if (error instanceof FiscalError) return undefined;
    throw error;
  }
}

function readTicket({ nodes }: FfdDocument, key: DocumentKey): Ticket {
  const fn = findTag(nodes, 1041)?.value;
  const fd = numberOf(findTag(nodes, 1040));
  if (fn !== key.fn || fd !== key.fd) {
    throw new FiscalError('OFD_ACK_FOREIGN', `header of ${key.fn}/${key.fd}, body of ${String(fn)}/${fd}`, {
      retryable: true,
    });
  }
  const inside = findTag(nodes, 1068)?.value;
  const responseCode = Array.isArray(inside) ? numberOf(findTag(inside, 1022)) : undefined;
  if (responseCode === undefined) {
    throw new FiscalError('OFD_ACK_INVALID', 'the acknowledgement has no response code');
  }
  const sign = findTag(nodes, 1078)?.raw;
  return {
    responseCode,
    messageBits: numberOf(findTag(nodes, 1206)) ?? 0,
    operatorInn: String(findTag(nodes, 1017)?.value ?? ''),
    atSeconds: numberOf(findTag(nodes, 1012)) ?? 0,
    ...(sign === undefined ? {} : { operatorSign: sign }),
  };
}

function numberOf(node: TagNode | undefined): number | undefined {
  return typeof node?.value === 'number' ? node.value : undefined;
}
