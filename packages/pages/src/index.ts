/** The web pages, built, and the router that serves them. */
export { type PageName, type PagePaths, pageRouter } from './page-router.ts';
