/**
 * What a simulated machine needs to be the home of a node: how a key follows another, without files.
 *
 * For tests and simulations. Programs use `NodeProgram`, whose home stands on a real disk.
 */
export { type Aside, type Inheritance, inheritanceOf } from './succession/inherit.ts';
export type { SuccessionRecord } from './succession/lineage.ts';
export type { Renewal } from './succession/succession.ts';
export { type LineageOf, type OpenStore, presume, takeOver } from './succession/take-over.ts';
