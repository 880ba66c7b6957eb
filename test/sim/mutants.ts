/**
 * Twelve bugs that systems of this kind have had, each as a change of one place in the programs. A simulation that does not find
 * every one of them proves nothing by finding none.
 *
 * `find` must stand exactly once in its file (`sim-mutants.test.ts`), so that a bug is never switched on beside the point.
 */
import type { Mutation } from './mutant-tree.ts';

export interface Mutant extends Mutation {
  readonly name: string;
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'skips fsync',
    file: 'packages/feed/src/journal.ts',
    find: '    await file.append(bytes);\n    await file.datasync();\n    const offset',
    put: '    await file.append(bytes);\n    const offset',
  },
  {
    name: 'acknowledges before the sync',
    file: 'packages/feed/src/journal.ts',
    find: '    await file.append(bytes);\n    await file.datasync();\n    const offset',
    put: '    await file.append(bytes);\n    void file.datasync().catch(() => undefined);\n    const offset',
  },
  {
    name: 'drops the idempotency check',
    file: 'node/src/projections/answers.ts',
    find: '    if (known.length === 0) {',
    put: '    if (known.length >= 0) {',
  },
  {
    name: 'reuses an actor',
    file: 'packages/docs/src/actor.ts',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of the source
    find: 'branchline actor\\0${writer}\\0${doc}',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of the source
    put: 'branchline actor\\0${doc}',
  },
  {
    name: 'reuses a writer after a restore',
    file: 'node/src/succession/succession.ts',
    find: "          this.#renew({ reason: 'copied', plan: news.plan });",
    put: '',
  },
  {
    name: 'marks delivered before the ticket',
    file: 'node/src/delivery/ofd-carrier.ts',
    find: '        await pump.run(over.signal);',
    put: "        end({ type: 'delivered', proof: 'about to be sent' });",
  },
  {
    name: 'orders by the wall clock',
    file: 'packages/hlc-ts/src/hybrid-clock.ts',
    find: '    this.#last = reached > next ? reached : next;',
    put: '    this.#last = wall;',
  },
  {
    name: 'shares a counter of numbers',
    file: 'node/src/succession/series-name.ts',
    find: '    nodeLetter,\n    incarnation,\n',
    put: "    nodeLetter: '',\n    incarnation,\n",
  },
  {
    name: 'sends the close command again, blindly',
    file: 'packages/fiscal/src/kkt/job-state.ts',
    find: "return closed(state, event.mark);\n      return event.type === 'failed' ? uncertain(state.order, state.intent, event.code) : rest(state);",
    put: "return closed(state, event.mark);\n      return event.type === 'failed' ? open({ order: state.order, phase: 'intent', intent: state.intent }) : rest(state);",
  },
  {
    name: 'grants without rights of its own',
    file: 'packages/docs/src/rights.ts',
    find: '  return Math.max(0, rightsOf(rights, writer) - debtOf(rights, writer));',
    put: '  return Math.max(0, valueLeft(rights) - debtOf(rights, writer));',
  },
  {
    name: 'forgets an entry of the vector',
    file: 'packages/feed/src/feed-summary.ts',
    find: '        if (head) heads.set(feed, head);',
    put: "        if (head && !feed.startsWith('receipts/')) heads.set(feed, head);",
  },
  {
    name: 'accepts a forked entry',
    file: 'packages/feed/src/intake.ts',
    find: '    if (differs >= 0) throw forkError(feed, start + differs);\n',
    put: '',
  },
];
