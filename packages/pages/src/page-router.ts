/**
 * Serves the built pages: an HTML file under each path that was asked for, and their scripts and styles under `/assets`.
 *
 * Guarantees: the policy of a page lets it load and call nothing but the program that served it, run no inline code and be
 * framed by nobody; HTML is asked for anew each time, so an upgrade shows at once; assets have their content's hash in the
 * name and are kept for good. Pages hold no secrets: who may do what is decided by the token a person signs in with.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import express, { type Response, type Router } from 'express';

export type PageName = 'till' | 'console' | 'hq';
/** Which page is at which path, e.g. `{ '/': 'till', '/hq': 'hq' }`. */
export type PagePaths = Readonly<Record<string, PageName>>;

/** Beside `src` and `dist` alike. */
const FOLDER = fileURLToPath(new URL('../dist/web/', import.meta.url));
const NOT_BUILT =
  'The pages are not built. Run npm run build in the folder of Branchline. The API works without them.';
const YEAR = '365d';

export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export function pageRouter(paths: PagePaths, folder: string = FOLDER): Router {
  const router = express.Router();
  for (const [path, page] of Object.entries(paths)) {
    router.get(path, (_request, response) => {
      if (!existsSync(`${folder}${page}.html`)) {
        guard(response).status(503).type('text').send(NOT_BUILT);
        return;
      }
      guard(response).set('Cache-Control', 'no-cache').sendFile(`${page}.html`, { root: folder });
    });
  }
  router.use(
    '/assets',
    express.static(`${folder}assets`, { immutable: true, maxAge: YEAR, index: false, fallthrough: true }),
  );
  return router;
}

function guard(response: Response): Response {
  return response.set({
    'Content-Security-Policy': PAGE_POLICY,
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
  });
}
