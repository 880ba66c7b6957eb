export { Backoff, type BackoffOptions } from './backoff.ts';
export type { Clock, SleepOptions, Timer, TimerOptions } from './clock.ts';
export { HlcError, type HlcErrorCode } from './errors.ts';
export {
  BLOCK_MS,
  type ClockWarning,
  HybridClock,
  type HybridClockOptions,
  MAX_AHEAD_MS_DEFAULT,
  RENEW_BELOW_MS,
  RESERVE_MS,
  WARNINGS_MAX,
} from './hybrid-clock.ts';
export { isoTime } from './iso-time.ts';
export { doze, type LinkedAbort, linkAborts } from './linked-abort.ts';
export { ManualClock } from './manual-clock.ts';
export { type Random, randomInteger, seededRandom, systemRandom } from './random.ts';
export {
  COUNTER_MAX,
  compareStamps,
  decodeStamp,
  encodeStamp,
  formatStamp,
  MAX_STAMP,
  makeStamp,
  parseStamp,
  STAMP_BYTES,
  STAMP_MS_MAX,
  type Stamp,
  stampCounter,
  stampMs,
  ZERO_STAMP,
} from './stamp.ts';
export { systemClock } from './system-clock.ts';
export { memoryBound, type UpperBoundStore } from './upper-bound.ts';
