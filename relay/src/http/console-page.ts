/** The operator's console at `/`: three static files, served with a policy that lets nothing else in. */
import { readFile } from 'node:fs/promises';
import { Router } from 'express';

/** Beside `src` and `dist` alike. */
const FOLDER = new URL('../../web/', import.meta.url);
const FILES: Readonly<Record<string, { file: string; type: string }>> = {
  '/': { file: 'console.html', type: 'text/html' },
  '/console.js': { file: 'console.js', type: 'text/javascript' },
  '/console.css': { file: 'console.css', type: 'text/css' },
};
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'";

export function consoleRoutes(): Router {
  const routes = Router();
  for (const [path, { file, type }] of Object.entries(FILES)) {
    routes.get(path, async (_request, response) => {
      response
        .set('Content-Security-Policy', POLICY)
        .type(type)
        .send(await readFile(new URL(file, FOLDER), 'utf8'));
    });
  }
  return routes;
}
