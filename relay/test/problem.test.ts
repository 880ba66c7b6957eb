/** Errors as callers of the relay see them: a code when there is one, and no word of what went wrong inside when there is none. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RelayError } from '../src/errors.ts';
import { problemOf } from '../src/http/problem.ts';

const test = suite('problems of the relay');

test('an error with a code keeps it, its words and its hint', () => {
  const problem = problemOf(new RelayError('BRANCH_UNKNOWN', 'no device of B9', { hint: 'See the list.' }));
  assert.is(problem.status, 404);
  assert.is(problem.code, 'BRANCH_UNKNOWN');
  assert.is(problem.hint, 'See the list.');
});

test('a mistake of ours is UNEXPECTED_FAULT and tells nothing of the inside', () => {
  const problem = problemOf(new TypeError('secret of /data/authority.key'));
  assert.is(problem.status, 500);
  assert.is(problem.code, 'UNEXPECTED_FAULT');
  assert.not.match(JSON.stringify(problem), 'secret');
});

test.run();
