/**
 * Builds the pages into `dist/web`: three HTML files and what they load, hashed names, nothing from other hosts. The
 * programs serve that folder (`src/page-router.ts`). A page's file says what is its own; the rest is `web/head.html`.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const frame = readFileSync(file('web/head.html'), 'utf8');

export default defineConfig({
  root: file('web'),
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [
    {
      name: 'one-head',
      transformIndexHtml: {
        order: 'pre',
        handler: (page) => frame.replace('<!-- page -->', () => page.trim()),
      },
    },
  ],
  build: {
    outDir: file('dist/web'),
    emptyOutDir: true,
    // The policy of the pages allows no inline code: what vite would inline stays a file.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { till: file('web/till.html'), console: file('web/console.html'), hq: file('web/hq.html') },
    },
  },
});
