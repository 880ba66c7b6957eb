/** Where a program is killed: before or after its Nth operation of a kind on a path, or in the middle of a write. */
export interface Failpoint {
  readonly name: string;
  readonly op:
    | 'open'
    | 'create'
    | 'write'
    | 'writeFile'
    | 'datasync'
    | 'sync'
    | 'truncate'
    | 'rename'
    | 'rm'
    | 'unlink'
    | 'mkdir'
    | 'copyFile'
    | 'level-open'
    | 'level-batch'
    | 'socket-write'
    | 'socket-read';
  readonly when: 'before' | 'after' | 'torn';
  /** Regular expression over the path, or over `:port` of the other end of a socket. */
  readonly path: string;
  /** Text the written bytes hold: kinds of entries are plain text in a journal. */
  readonly contains?: string;
  /** Which of the matching operations. 1 when left out. */
  readonly nth?: number;
}
