/**
 * A processor profile of this process over a stretch of time chosen by the harness: what starting, checking and ending cost is not in it.
 *
 * Guarantees: the file is whole when `stopProfile` resolves, in the format of the developer tools of browsers.
 */
import { writeFile } from 'node:fs/promises';
import { type Profiler, Session } from 'node:inspector/promises';

/** Between two samples, in microseconds. */
const SAMPLE_EVERY_US = 1_000;

let session: Session | undefined;

export async function startProfile(): Promise<void> {
  if (session !== undefined) throw new Error('a profile is being taken already');
  session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_EVERY_US });
  await session.post('Profiler.start');
}

export async function stopProfile({ path }: { path: string }): Promise<void> {
  if (session === undefined) throw new Error('no profile is being taken');
  const { profile }: Profiler.StopReturnType = await session.post('Profiler.stop');
  session.disconnect();
  session = undefined;
  await writeFile(path, JSON.stringify(profile));
}
