/** What a node calls itself towards peers and in its API document. Kept equal to package.json by a test. */
export const VERSION = '0.1.0';
export const SOFTWARE = `branchline-node/${VERSION}`;
