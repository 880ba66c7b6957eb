/**
 * The method many shops have today, as arithmetic in virtual time: a queue of JSON rows, a job every five minutes that posts one batch of
 * 100, then asks for what the others sent; a failed batch waits 2, 4, 8 … at most 60 minutes and is given up after three attempts.
 *
 * A model, not a measurement of a program: no processor time is claimed for it. Bytes are those of the JSON bodies.
 */
export const BATCH_ROWS = 100;
export const PERIOD_MS = 5 * 60_000;
export const ATTEMPTS_MAX = 3;
export const BACKOFF_MS_MAX = 60 * 60_000;

export interface Replaced {
  readonly convergedMs: number;
  readonly rowsGivenUp: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

export interface ReplacedJob {
  readonly clients: number;
  readonly writes: number;
  /** Bytes of one row as JSON. */
  readonly rowBytes: number;
  /** Whether the post of a batch fails: batch, attempt. */
  readonly fails?: (client: number, batch: number, attempt: number) => boolean;
}

export function replacedMethod({ clients, writes, rowBytes, fails = () => false }: ReplacedJob): Replaced {
  let lastPushMs = 0;
  let rowsGivenUp = 0;
  let bytesUp = 0;
  for (let client = 0; client < clients; client += 1) {
    let nowMs = PERIOD_MS;
    const waiting = Array.from({ length: Math.ceil(writes / BATCH_ROWS) }, (_, batch) => ({
      batch,
      attempt: 0,
      dueMs: 0,
    }));
    while (waiting.length > 0) {
      const due = waiting.find(({ dueMs }) => dueMs <= nowMs);
      if (due !== undefined) {
        const rows = Math.min(BATCH_ROWS, writes - due.batch * BATCH_ROWS);
        bytesUp += rows * rowBytes;
        due.attempt += 1;
        const isDone = !fails(client, due.batch, due.attempt);
        if (isDone) lastPushMs = Math.max(lastPushMs, nowMs);
        if (!isDone && due.attempt >= ATTEMPTS_MAX) rowsGivenUp += rows;
        if (isDone || due.attempt >= ATTEMPTS_MAX) waiting.splice(waiting.indexOf(due), 1);
        else due.dueMs = nowMs + Math.min(2 ** due.attempt * 60_000, BACKOFF_MS_MAX);
      }
      nowMs += PERIOD_MS;
    }
  }
  const rows = clients * writes - rowsGivenUp;
  // Everybody pulls what the others pushed, in the run after the last push.
  const bytesDown = (clients - 1) * rows * rowBytes;
  return { convergedMs: lastPushMs + PERIOD_MS, rowsGivenUp, bytesUp, bytesDown };
}
