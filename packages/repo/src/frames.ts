/**
 * The frames of automerge-repo's WebSocket protocol, version 1: one CBOR map each.
 *
 *     client   join { senderId, peerMetadata, supportedProtocolVersions }
 *     server   peer { senderId, targetId, peerMetadata, selectedProtocolVersion }
 *     both     sync · request { documentId, data }   doc-unavailable { documentId }   ephemeral { documentId, count, sessionId, data }
 *
 * What a client sends is checked in size and shape before anything is made of it; frames of other types pass as `other`.
 */
import { cbor, type DocumentId, type PeerId, type PeerMetadata } from '@automerge/automerge-repo/slim';
import { isPlainFrame } from './frame-guard.ts';

/** Bytes of one frame of a client. Edits are small; what a client catches up with is sent by us. */
export const FRAME_BYTES_MAX = 1024 * 1024;
/** Characters of a peer's or document's name. */
export const NAME_CHARS_MAX = 128;
export const PROTOCOL_VERSION = '1';

export interface JoinFrame {
  readonly type: 'join';
  readonly senderId: PeerId;
  readonly peerMetadata: PeerMetadata;
  readonly versions: readonly string[];
}

/** As a Repo takes it. */
export interface MessageFrame {
  readonly type: string;
  readonly senderId: PeerId;
  readonly targetId: PeerId;
  readonly documentId?: DocumentId;
  readonly data?: Uint8Array;
}

export interface OutgoingFrame {
  readonly type: string;
  readonly senderId: PeerId;
  readonly targetId?: PeerId;
  readonly data?: Uint8Array;
}

export function encodeFrame(frame: object): Uint8Array {
  return new Uint8Array(cbor.encode(frame));
}

/** Undefined for what is no frame of the protocol. */
export function decodeFrame(bytes: Uint8Array): JoinFrame | MessageFrame | undefined {
  if (bytes.length > FRAME_BYTES_MAX || !isPlainFrame(bytes)) {
    return undefined;
  }
  let frame: Record<string, unknown>;
  try {
    frame = cbor.decode(bytes) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const { type, senderId, targetId, documentId, data } = frame;
  if (!isName(type) || !isName(senderId)) {
    return undefined;
  }
  if (type === 'join') {
    const { supportedProtocolVersions: versions = [PROTOCOL_VERSION] } = frame;
    return Array.isArray(versions) && versions.every(isName)
      ? { type, senderId: senderId as PeerId, peerMetadata: metadataOf(frame.peerMetadata), versions }
      : undefined;
  }
  const isMessage =
    isName(targetId) &&
    (documentId === undefined || isName(documentId)) &&
    (data === undefined || (data instanceof Uint8Array && data.length > 0));
  return isMessage ? (frame as unknown as MessageFrame) : undefined;
}

function metadataOf(metadata: unknown): PeerMetadata {
  const { storageId, isEphemeral } = (metadata ?? {}) as Record<string, unknown>;
  return {
    ...(isName(storageId) ? { storageId: storageId as NonNullable<PeerMetadata['storageId']> } : {}),
    ...(typeof isEphemeral === 'boolean' ? { isEphemeral } : {}),
  };
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= NAME_CHARS_MAX;
}
