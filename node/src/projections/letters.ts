/** Letters: what one branch has to say to another stands in `letters/<from>/<to>`, written by the one and read by both. */

const COLLECTION = /^letters\/([^/]+)\/([^/]+)$/;

export interface Letter {
  readonly from: string;
  readonly to: string;
}

export function letterOf(collection: string): Letter | undefined {
  const match = COLLECTION.exec(collection);
  return match === null ? undefined : { from: match[1]!, to: match[2]! };
}

export function letterCollection(from: string, to: string): string {
  return `letters/${from}/${to}`;
}
