/**
 * A branch that sells beside an emulated register and a mock operator, each a program of its own, the lines to both through a proxy
 * that can hang (`hanging-line.ts`).
 */
import type { BenchContext } from '../bench-case.ts';
import { loadCatalog, startChain } from './chain.ts';
import { HangingLine } from './hanging-line.ts';
import { branchlineProgram, type Program, startProgram } from './program.ts';

export type HangingLineName = 'ofd' | 'kkt';

export interface FiscalShop {
  readonly lines: Readonly<Record<HangingLineName, HangingLine>>;
  /** Number of the last document of the register's storage. */
  readonly registered: () => Promise<number>;
  /** Documents the operator has. */
  readonly delivered: () => Promise<number>;
  readonly url: string;
  readonly tokens: readonly string[];
}

/** What it opened is put into `opened`, to be stopped in the reverse order. */
export async function openFiscalShop(
  context: BenchContext,
  tills: number,
  opened: { stop(): Promise<void> }[],
): Promise<FiscalShop> {
  context.progress('starting a register, an operator and a chain');
  const start = async (...args: string[]): Promise<Program> => {
    const { clock, signal } = context;
    const program = await startProgram(branchlineProgram(), { clock, signal, args });
    opened.push(program);
    return program;
  };
  const ofd = await start('ofd', 'mock', '--listen', '127.0.0.1:0');
  const kkt = await start('kkt', 'emulate', '--port', '127.0.0.1:0', '--strip-ms', '0');
  const lines = {
    ofd: await HangingLine.open(String(ofd.first.address)),
    kkt: await HangingLine.open(String(kkt.first.address)),
  };
  opened.push({ stop: () => lines.ofd.close() }, { stop: () => lines.kkt.close() });
  const chain = await startChain(context, tills, ['--kkt', lines.kkt.address, '--ofd', lines.ofd.address]);
  opened.push(chain);
  await loadCatalog(context, chain);
  await chain.leaveAlone();
  const shown = (program: Program, what: string) => async (): Promise<number> => {
    const state = await fetch(`${program.first.controlUrl}/state`, { signal: context.signal });
    return ((await state.json()) as Record<string, number>)[what] ?? 0;
  };
  const { url, tokens } = chain.branch;
  return { lines, registered: shown(kkt, 'lastFd'), delivered: shown(ofd, 'documents'), url, tokens };
}
