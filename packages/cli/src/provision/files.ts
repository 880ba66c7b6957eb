/** What `provision` leaves behind: a config file per branch, and a sheet of codes to print. Both hold tokens and are private. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Token } from '../branch-keeper.ts';
import { CliError } from '../errors.ts';
import { writeInvitation } from './invitation.ts';
import type { ProvisionRow } from './list.ts';

const PRIVATE = 0o600;
const SHEET = 'codes.html';

export interface ProvisionPlan {
  readonly out: string;
  readonly relay: string;
  /** Where the node of a branch keeps its data; `{code}` stands for its code. */
  readonly data: string;
  readonly isSheetWanted: boolean;
}

/** Before tokens are made that nobody would ever see. */
export async function checkRoom(
  { out, isSheetWanted }: ProvisionPlan,
  rows: readonly ProvisionRow[],
): Promise<void> {
  const there = new Set(await readdir(out).catch(() => []));
  const names = [...rows.map(({ code }) => `${code}.json`), ...(isSheetWanted ? [SHEET] : [])];
  const taken = names.find((name) => there.has(name));
  if (taken !== undefined) {
    throw new CliError('FILE_UNWRITABLE', `${join(out, taken)} is there already`, {
      hint: 'Name another folder with --out DIR; no token was made.',
    });
  }
}

export function configOf(row: ProvisionRow, token: string, { relay, data }: ProvisionPlan): object {
  const { code, listen, kkt, ofd, taxSystem } = row;
  return {
    data: data.replaceAll('{code}', code),
    branch: code,
    relay,
    token,
    ...(listen === undefined ? {} : { listen }),
    ...(kkt === undefined
      ? {}
      : {
          kkt: {
            address: kkt,
            ...(ofd === undefined ? {} : { ofd }),
            ...(taxSystem === undefined ? {} : { taxSystem }),
          },
        }),
  };
}

export async function writeProvision(
  plan: ProvisionPlan,
  rows: readonly ProvisionRow[],
  tokens: readonly Token[],
): Promise<{ readonly files: string[]; readonly sheet?: string }> {
  const byCode = new Map(tokens.map((token) => [token.code, token]));
  const files: string[] = [];
  try {
    await mkdir(plan.out, { recursive: true, mode: 0o700 });
    for (const row of rows) {
      const file = join(plan.out, `${row.code}.json`);
      const content = configOf(row, byCode.get(row.code)!.token, plan);
      await writeFile(file, `${JSON.stringify(content, undefined, 2)}\n`, { flag: 'wx', mode: PRIVATE });
      files.push(file);
    }
    if (!plan.isSheetWanted) {
      return { files };
    }
    const sheet = join(plan.out, SHEET);
    await writeFile(sheet, await sheetOf(plan, tokens), { flag: 'wx', mode: PRIVATE });
    return { files, sheet };
  } catch (cause) {
    throw new CliError('FILE_UNWRITABLE', `cannot write to ${plan.out}: ${(cause as Error).message}`, {
      cause,
      hint: `${files.length} of ${rows.length} were written; give the others new tokens in another folder.`,
    });
  }
}

/** A page that needs nothing else; eight codes on a sheet of paper. */
async function sheetOf({ relay }: ProvisionPlan, tokens: readonly Token[]): Promise<string> {
  const { default: qrcode } = await import('qrcode');
  const cards = await Promise.all(
    tokens.map(async ({ code, role, token, expiresAt }) => {
      const svg = await qrcode.toString(writeInvitation({ branch: code, relay, token }), {
        type: 'svg',
        margin: 1,
      });
      const words = role === 'branch' ? code : `${code} (${role})`;
      return `<figure>${svg}<figcaption><b>${words}</b> use before ${expiresAt.slice(0, 10)}</figcaption></figure>`;
    }),
  );
  return `<!doctype html>
<meta charset="utf-8">
<title>Branchline: invitations</title>
<style>
  body { font: 14px sans-serif; display: grid; grid-template-columns: repeat(auto-fill, 80mm); gap: 6mm; }
  figure { margin: 0; break-inside: avoid; text-align: center; }
  svg { width: 60mm; height: 60mm; }
</style>
<p>Each code may be used once. Destroy what is left.</p>
${cards.join('\n')}
`;
}
