/**
 * A source file as the checks see it: its text, the text with comments and strings blanked out (so that a banned word
 * in prose is not a finding), and the specifiers it imports.
 *
 * The lexer knows as much of the language as that needs: comments, strings, templates with their `${}`, and regular
 * expressions. Blanked characters become spaces and line breaks stay, so offsets and line numbers are the same in
 * all views.
 */

export interface SourceFile {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** Comments and the insides of strings, templates and regular expressions blanked. */
  readonly code: string;
  readonly imports: readonly ImportEdge[];
  /** Every string literal, templates without `${}` included. */
  readonly strings: readonly string[];
}

export interface ImportEdge {
  readonly specifier: string;
  readonly line: number;
}

export function sourceFile(path: string, text: string): SourceFile {
  const { code, withoutComments, strings } = lex(text);
  return { path, text, code, imports: importEdges(withoutComments, code), strings };
}

export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

/** `from '…'`, `import '…'` and `import('…')`; the word must stand in code, its specifier is read from the string. */
function importEdges(withoutComments: string, code: string): ImportEdge[] {
  const edges: ImportEdge[] = [];
  const pattern = /(?<![.\w])(?:from\s*|import\s+|import\s*\(\s*)(['"`])([^'"`\n]+)\1/g;
  for (const match of withoutComments.matchAll(pattern)) {
    const isCode = /^(?:from|import)/.test(code.slice(match.index));
    if (isCode) {
      edges.push({ specifier: match[2]!, line: lineAt(withoutComments, match.index) });
    }
  }
  return edges;
}

interface Lexed {
  readonly code: string;
  readonly withoutComments: string;
  readonly strings: readonly string[];
}

/** Before one of these a slash starts a regular expression; after a value it divides. */
const BEFORE_REGEX =
  /(?:^|[(,=:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of|delete|void|throw|new|await))$/;

function lex(text: string): Lexed {
  const code = [...text.replace(/[\ud800-\udfff]/g, ' ')];
  const comments = [...code];
  const strings: string[] = [];
  /** Brace depth at which each open template's `${` ends. */
  const templates: number[] = [];
  let depth = 0;
  let at = 0;

  const blank = (target: string[], from: number, to: number) => {
    for (let i = from; i < to; i++) {
      if (target[i] !== '\n') {
        target[i] = ' ';
      }
    }
  };
  const skipTo = (end: number) => {
    at = end === -1 ? text.length : end;
  };
  const skipTemplateText = (from: number) => {
    at = from;
    while (at < text.length && text[at] !== '`' && !text.startsWith('${', at)) {
      at += text[at] === '\\' ? 2 : 1;
    }
    blank(code, from, Math.min(at, text.length));
    if (text.startsWith('${', at)) {
      templates.push(depth);
      depth++;
      at += 2;
    } else {
      strings.push(text.slice(from, at));
      at++;
    }
  };

  while (at < text.length) {
    const start = at;
    const char = text[at]!;
    if (text.startsWith('//', at) || (at === 0 && text.startsWith('#!'))) {
      skipTo(text.indexOf('\n', at));
      blank(code, start, at);
      blank(comments, start, at);
    } else if (text.startsWith('/*', at)) {
      const end = text.indexOf('*/', at + 2);
      skipTo(end === -1 ? -1 : end + 2);
      blank(code, start, at);
      blank(comments, start, at);
    } else if (char === "'" || char === '"') {
      at++;
      while (at < text.length && text[at] !== char && text[at] !== '\n') {
        at += text[at] === '\\' ? 2 : 1;
      }
      blank(code, start + 1, at);
      strings.push(text.slice(start + 1, at));
      at++;
    } else if (char === '`') {
      skipTemplateText(at + 1);
    } else if (
      char === '/' &&
      BEFORE_REGEX.test(
        code
          .slice(Math.max(0, at - 40), at)
          .join('')
          .trimEnd(),
      )
    ) {
      at = endOfRegex(text, at);
      blank(code, start + 1, at - 1);
    } else {
      if (char === '{') {
        depth++;
      } else if (char === '}') {
        depth--;
        if (templates.at(-1) === depth) {
          templates.pop();
          skipTemplateText(at + 1);
          continue;
        }
      }
      at++;
    }
  }
  return { code: code.join(''), withoutComments: comments.join(''), strings };
}

function endOfRegex(text: string, start: number): number {
  let inClass = false;
  let at = start + 1;
  while (at < text.length && text[at] !== '\n') {
    if (text[at] === '\\') {
      at++;
    } else if (text[at] === '[') {
      inClass = true;
    } else if (text[at] === ']') {
      inClass = false;
    } else if (text[at] === '/' && !inClass) {
      return at + 1;
    }
    at++;
  }
  return at;
}
