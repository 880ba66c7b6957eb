/** Contracts of this package's ports, as suites for any implementation. */
export {
  type Hands,
  type KktDriverSuiteOptions,
  type KktUnderTest,
  kktDriverSuite,
} from './kkt/driver-suite.ts';
