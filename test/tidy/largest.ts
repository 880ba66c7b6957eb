/**
 * The largest files and functions: printed as questions to the design, never a failure.
 *
 * Functions are found by their braces: a block is a function's when a parameter list, or `=>`, stands before it. That is
 * an estimate and good enough for a question.
 */
import { lineAt, type SourceFile } from './source-file.ts';

export interface Large {
  readonly name: string;
  readonly lines: number;
}

export function largestFiles(sources: readonly SourceFile[], count: number): Large[] {
  return top(
    sources.map((file) => ({ name: file.path, lines: file.text.split('\n').length - 1 })),
    count,
  );
}

export function largestFunctions(sources: readonly SourceFile[], count: number): Large[] {
  return top(sources.flatMap(functionsOf), count);
}

function top(all: readonly Large[], count: number): Large[] {
  return [...all].sort((a, b) => b.lines - a.lines || a.name.localeCompare(b.name)).slice(0, count);
}

/** `if (x) {` and its like are not functions. */
const STATEMENT = /\b(?:if|for|while|switch|catch|with)\s*(?:await\s*)?$/;

function functionsOf(file: SourceFile): Large[] {
  const { code } = file;
  const found: Large[] = [];
  const open: number[] = [];
  for (let at = 0; at < code.length; at++) {
    if (code[at] === '{') {
      open.push(at);
    } else if (code[at] === '}') {
      const start = open.pop();
      const head = start === undefined ? undefined : functionHead(code, start);
      if (head !== undefined) {
        const line = lineAt(code, head.at);
        found.push({ name: `${file.path}:${line} ${head.name}`, lines: lineAt(code, at) - line + 1 });
      }
    }
  }
  return found;
}

function functionHead(code: string, brace: number): { name: string; at: number } | undefined {
  const before = code.slice(Math.max(0, brace - 2000), brace).trimEnd();
  const isArrow = before.endsWith('=>');
  const signature = isArrow ? before.slice(0, -2).trimEnd() : before;
  // A return type may stand between the parameters and the block.
  const typed = /\)(\s*:\s*[^;={}()]*(?:<[^;={}()]*>)?)?$/.exec(signature);
  if (!typed) {
    return isArrow ? { name: '(arrow)', at: brace } : undefined;
  }
  const parameters = openingOf(signature, typed.index);
  if (parameters === -1) {
    return undefined;
  }
  const front = signature.slice(0, parameters).replace(/<[^<>]*>\s*$/, '');
  if (STATEMENT.test(front)) {
    return undefined;
  }
  const named = /(#?[\w$]+)\s*(?:=\s*(?:async\s*)?|:\s*(?:async\s*)?)?$/.exec(front);
  const name = named && !/^(?:async|function|return)$/.test(named[1]!) ? named[1]! : '(anonymous)';
  return { name, at: brace - (before.length - (named?.index ?? parameters)) };
}

function openingOf(text: string, closing: number): number {
  let depth = 0;
  for (let at = closing; at >= 0; at--) {
    if (text[at] === ')') {
      depth++;
    } else if (text[at] === '(') {
      depth--;
      if (depth === 0) {
        return at;
      }
    }
  }
  return -1;
}
