/** Ends the program with a code of its own, after everything was said. */
export class ExitCode extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`exit code ${code}`);
    this.name = 'ExitCode';
    this.code = code;
  }
}
