/**
 * The relay as a program of its own: `node dist/main.js`, configured by `BRANCHLINE_*`. `branchline relay` is the same with
 * flags and readable errors.
 */
import { NodeDisk } from '@branchline/feed';
import { systemClock, systemRandom } from 'hlc-ts';
import { pino } from 'pino';
import { readRelayConfig } from './config.ts';
import { Relay } from './relay.ts';

/** As sysexits.h has it: an error doing input or output. */
const EXIT_DISK_FAILED = 74;

const config = readRelayConfig({ environment: process.env });
const log = pino({ level: config.log, base: { name: 'relay' } }, pino.destination(2));
const relay = await Relay.open(
  { clock: systemClock(), random: systemRandom(), disk: new NodeDisk(), log },
  config,
);
process.stdout.write(`${JSON.stringify({ event: 'listening', url: relay.url, tenant: relay.tenant })}\n`);

const asked = new Promise<undefined>((resolve) => {
  process.once('SIGINT', () => resolve(undefined));
  process.once('SIGTERM', () => resolve(undefined));
});
const failure = await Promise.race([relay.failed, relay.drained.then(() => undefined), asked]);
if (failure !== undefined) {
  log.fatal({ err: failure }, 'the store failed; ending, the next start verifies it');
}
await relay.close();
process.exitCode = failure === undefined ? 0 : EXIT_DISK_FAILED;
