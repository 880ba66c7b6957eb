/** A figure a rig came to, and what was wanted: printed, and kept in the file that `FIGURES` names, for the table at the end of a run of everything. */
import { appendFileSync } from 'node:fs';

export function figure(name: string, got: number | string, wanted: string): void {
  const line = `${name} | ${got} | ${wanted}\n`;
  process.stdout.write(line);
  const file = process.env.FIGURES;
  if (file !== undefined && file !== '') {
    appendFileSync(file, line);
  }
}
