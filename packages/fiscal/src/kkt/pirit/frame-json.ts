/** Captured frames of Pirit as JSON, for people. A request begins with a password of four characters, an answer does not. */
import { KktError } from '../../errors.ts';
import type { Json } from '../../ffd/document-json.ts';
import { PiritFrameReader, readAnswer, readRequest } from './frame.ts';

const PASSWORD = 'PIRI';

export function piritFrameJson(bytes: Uint8Array): { readonly [key: string]: Json } {
  const reader = new PiritFrameReader();
  for (const [at, byte] of bytes.entries()) {
    const body = reader.push(byte);
    if (body === undefined) continue;
    if (at !== bytes.length - 1) break;
    const crcOk = body.isIntact;
    const hasPassword = Buffer.from(body.bytes.subarray(0, 4)).toString('latin1') === PASSWORD;
    if (hasPassword || Number.isNaN(readAnswer(body).error)) {
      const { password, id, command, fields } = readRequest(body);
      return { direction: 'request', password, id, cmd: commandText(command), params: [...fields], crcOk };
    }
    const { id, command, error, fields } = readAnswer(body);
    return { direction: 'reply', id, cmd: commandText(command), error, params: [...fields], crcOk };
  }
  throw new KktError('KKT_PROTOCOL', `${bytes.length} bytes are no frame`, { outcome: 'unknown' });
}

function commandText(command: number): string {
  return `0x${command.toString(16).toUpperCase().padStart(2, '0')}`;
}
