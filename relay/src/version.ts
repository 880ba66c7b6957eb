/** What the relay calls itself towards peers and on the fleet page. Kept equal to package.json by a test. */
export const VERSION = '0.1.0';
export const SOFTWARE = `branchline-relay/${VERSION}`;
