/**
 * Twelve bugs that systems of this kind have had, each as a change of one place in the programs. A simulation that does not find
 * every one of them proves nothing by finding none.
 *
 * `find` must stand exactly once in its file (`sim-mutants.test.ts`), so that a bug is never switched on beside the point. `breaks` are the
 * invariants (README.md) whose checks may find it: another finding is the wrong reason. `of` is what a run has more of, so that the
 * bug is met soon; the programs without the bug pass the same runs.
 */
import type { Mutation } from './mutant-tree.ts';
import type { RunOptions } from './run.ts';

export interface Mutant extends Mutation {
  readonly name: string;
  readonly breaks: readonly number[];
  readonly of: Omit<RunOptions, 'seed' | 'steps'>;
}

const ROLLED_BACK = ['image taken', 'old image put back'];
const LOST_REPLIES = ['planned: lost-reply', 'planned: power-cut-after', 'planned: forgotten-reply'];
const MOODS = ['refuses', 'hangs', 'drops the message', 'talks nonsense'].map(
  (each) => `planned: operator ${each}`,
);

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'skips fsync',
    breaks: [4, 8, 16, 19, 43, 47],
    of: { faults: ['power cut', 'partition', 'heals'], hasRegisters: false, shops: 1 },
    file: 'packages/feed/src/journal.ts',
    find: '    await file.append(bytes);\n    await file.datasync();\n    const offset',
    put: '    await file.append(bytes);\n    const offset',
  },
  {
    name: 'acknowledges before the sync',
    breaks: [4, 8, 16, 19, 43, 47],
    of: { faults: ['power cut', 'disk slow', 'partition', 'heals'], hasRegisters: false, shops: 1 },
    file: 'packages/feed/src/journal.ts',
    find: '    await file.append(bytes);\n    await file.datasync();\n    const offset',
    put: '    await file.append(bytes);\n    void file.datasync().catch(() => undefined);\n    const offset',
  },
  {
    name: 'drops the idempotency check',
    breaks: [43],
    of: { faults: ['killed'], hasRegisters: false, shops: 1 },
    file: 'node/src/projections/answers.ts',
    find: '    if (known.length === 0) {',
    put: '    if (known.length >= 0) {',
  },
  {
    name: 'reuses an actor',
    breaks: [1, 2, 6, 13],
    of: { faults: ['partition', 'heals'], hasRegisters: false, shops: 2 },
    file: 'packages/docs/src/actor.ts',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of the source
    find: 'branchline actor\\0${writer}\\0${doc}',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of the source
    put: 'branchline actor\\0${doc}',
  },
  {
    name: 'reuses a writer after a restore',
    breaks: [1, 2, 12, 16, 18, 19],
    of: { faults: ROLLED_BACK, hasRegisters: false },
    file: 'node/src/succession/succession.ts',
    find: "          this.#renew({ reason: 'copied', plan: news.plan });",
    put: '',
  },
  {
    name: 'marks delivered before the ticket',
    breaks: [32, 33],
    of: { faults: MOODS, hasRegisters: true, shops: 1 },
    file: 'node/src/delivery/ofd-carrier.ts',
    find: '        await pump.run(over.signal);',
    put: "        end({ type: 'delivered', proof: 'about to be sent' });",
  },
  {
    name: 'orders by the wall clock',
    breaks: [21],
    of: { faults: ['clock jumps', 'killed'], hasRegisters: false },
    file: 'packages/hlc-ts/src/hybrid-clock.ts',
    find: '    this.#last = reached > next ? reached : next;',
    put: '    this.#last = wall;',
  },
  {
    name: 'shares a counter of numbers',
    breaks: [12, 16],
    of: { faults: ['killed'], isPaired: true, shops: 1, hasRegisters: false },
    file: 'node/src/succession/series-name.ts',
    find: '    nodeLetter,\n    incarnation,\n',
    put: "    nodeLetter: '',\n    incarnation,\n",
  },
  {
    name: 'sends the close command again, blindly',
    breaks: [26, 27],
    of: { faults: LOST_REPLIES, hasRegisters: true, shops: 1 },
    file: 'packages/fiscal/src/kkt/job-state.ts',
    find: "return closed(state, event.mark);\n      return event.type === 'failed' ? uncertain(state.order, state.intent, event.code) : rest(state);",
    put: "return closed(state, event.mark);\n      return event.type === 'failed' ? open({ order: state.order, phase: 'intent', intent: state.intent }) : rest(state);",
  },
  {
    name: 'grants what others hold the rights to',
    breaks: [10, 13],
    of: { faults: ['partition'], hasRegisters: false, shops: 2, isPaired: false },
    file: 'node/src/projections/customers.ts',
    find: '    const spendable = Math.max(0, spendableOf(rights, this.#options.writer) + moved);',
    put: '    const spendable = Math.max(0, (row?.balance ?? 0) + moved);',
  },
  {
    name: 'forgets an entry of the vector',
    breaks: [2],
    of: { faults: ['partition'], hasRegisters: false, shops: 1 },
    file: 'packages/feed/src/feed-summary.ts',
    find: '      if (!head) continue;\n      counted += 1;',
    put: "      if (!head || feed.startsWith('orders/')) continue;\n      counted += 1;",
  },
  {
    name: 'accepts a forked entry',
    breaks: [2, 17, 18],
    of: { faults: ROLLED_BACK, hasRegisters: false, shops: 1 },
    file: 'packages/feed/src/intake.ts',
    find: '  if (!local && !headSigned(feed, after, run.signature, tip.key)) throw signatureError(feed, after.seq);\n',
    put: '',
  },
];
