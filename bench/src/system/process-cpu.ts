/** CPU time and memory another process has used: on two shared cores the honest figures beside latency. */
import { readFile } from 'node:fs/promises';

/** The kernel counts in hundredths of a second everywhere Linux runs today. */
const TICK_MS = 10;

/** User and system time in milliseconds; undefined where there is no /proc. */
export async function processCpuMs(pid: number): Promise<number | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The name in brackets may hold blanks; fields are counted from behind it. utime and stime are the 14th and 15th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return undefined;
  }
}

/** Resident memory in MB, pages of mapped files included; undefined where there is no /proc. */
export async function processResidentMb(pid: number): Promise<number | undefined> {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) / 1_000;
  } catch {
    return undefined;
  }
}
