/**
 * Writes the recording of the protocol this checkout speaks: `npm run protocol:record`. To be run
 * once per fingerprint, before a change of the protocol lands; recordings are never made again.
 */
import { writeFile } from 'node:fs/promises';
import { protocolFingerprint } from '@branchline/wire';
import { record } from './exchange.ts';

const fingerprint = protocolFingerprint();
const file = new URL(`recordings/${fingerprint}.json`, import.meta.url);
await writeFile(file, `${JSON.stringify(await record(fingerprint))}\n`, { flag: 'wx' });
process.stdout.write(`${file.pathname}\n`);
