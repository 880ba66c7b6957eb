/**
 * Loaded by the runner before a test file that draws examples: every run of the suite draws the same ones, so what passed on one machine
 * is not red on another by bad luck.
 *
 * A file run by itself (`node --conditions=source --import tsx FILE`) draws others each time: that is the way to look for more. What it
 * finds becomes an example in the file. A property with a seed of its own keeps it.
 */
import fc from 'fast-check';

const SEED = 20_261_123;

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: SEED });
