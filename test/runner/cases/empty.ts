// Runs a suite without tests: uvu prints `Total: 0` and exits 0.
import { suite } from 'uvu';

suite('empty').run();
