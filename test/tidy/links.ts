/** Relative links in Markdown lead to something that is there, headings included. */
import { posix } from 'node:path';
import { lineAt } from './source-file.ts';
import type { Finding, Page, Tree } from './tree.ts';

const LINK = /\]\(([^()\s]+)(?:\s+"[^"]*")?\)/g;
const ELSEWHERE = /^(?:[a-z]+:|\/\/)/i;

export function checkLinks(tree: Pick<Tree, 'pages' | 'paths'>): Finding[] {
  const findings: Finding[] = [];
  for (const page of tree.pages) {
    const prose = page.text.replace(/^```[\s\S]*?^```/gm, (block) => block.replace(/[^\n]/g, ' '));
    for (const match of prose.matchAll(LINK)) {
      const link = match[1]!;
      if (ELSEWHERE.test(link)) {
        continue;
      }
      const message = judgeLink(page, link, tree);
      if (message !== undefined) {
        findings.push({ path: page.path, line: lineAt(prose, match.index), message });
      }
    }
  }
  return findings;
}

function judgeLink(
  page: Page,
  link: string,
  { pages, paths }: Pick<Tree, 'pages' | 'paths'>,
): string | undefined {
  const [file = '', heading] = link.split('#');
  const target =
    file === '' ? page.path : posix.join(posix.dirname(page.path), decodeURI(file)).replace(/\/$/, '');
  if (target !== '.' && !paths.has(target)) {
    return `the link ${link} leads nowhere`;
  }
  const other = pages.find((candidate) => candidate.path === target);
  if (heading !== undefined && other !== undefined && !headings(other.text).has(heading)) {
    return `the link ${link} names a heading that is not there`;
  }
  return undefined;
}

function headings(text: string): Set<string> {
  const found = text.matchAll(/^#+\s+(.+?)\s*$/gm);
  return new Set([...found].map((match) => slug(match[1]!)));
}

function slug(heading: string): string {
  const plain = heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '');
  return plain.trim().replace(/\s/g, '-');
}
