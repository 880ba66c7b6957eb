/** Loaded into a program that is watched: told by a signal, it collects garbage and appends one line about itself to the file `PULSE` names. */
import { appendFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

process.on('SIGUSR2', () => {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  const resources = process.getActiveResourcesInfo();
  const timers = resources.filter((name) => name === 'Timeout').length;
  const line = { heapBytes: heapUsed, externalBytes: external, timers, handles: resources.length };
  appendFileSync(process.env.PULSE, `${JSON.stringify(line)}\n`);
});
