/** The Shtrih-M driver keeps the contract of drivers over both protocols, against the emulated device. */
import { suite } from 'uvu';
import { kktDriverSuite } from '../src/kkt/driver-suite.ts';
import { shtrihScene } from './support/kkt-scene.ts';

const test = suite('shtrih driver');

for (const protocol of ['v1', 'v2'] as const) {
  kktDriverSuite({
    test: (name, run) => test(`${protocol}: ${name}`, run),
    setup: async () => shtrihScene(protocol),
    hasHands: true,
  });
}

test.run();
