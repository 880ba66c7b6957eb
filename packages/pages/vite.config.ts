/**
 * Builds the pages into `dist/web`: three HTML files and what they load, hashed names, nothing from other hosts. The
 * programs serve that folder (`src/page-router.ts`).
 */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: file('web'),
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
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
