/** The published acceptance suite of storage adapters, on Level in memory and on disk. */

import { systemClock } from 'hlc-ts';
import { Level } from 'level';
import { MemoryLevel } from 'memory-level';
import { suite } from 'uvu';
import { TempDir } from '../../../test/support/temp-dir.ts';
import { LevelStorageAdapter, type StorageLevel } from '../src/index.ts';
import { runStorageAdapterTests } from './support/published-suites.ts';
import { describeIn } from './support/vitest-words.ts';

const open = (level: unknown) =>
  LevelStorageAdapter.open({
    level: level as StorageLevel,
    clock: systemClock(),
    onFailure: (error) => {
      throw error;
    },
  });

const first = suite('published storage suite');
describeIn(first, () => {
  runStorageAdapterTests(async () => {
    const level = new MemoryLevel<string, Uint8Array>({ valueEncoding: 'view' });
    return { adapter: await open(level), teardown: () => level.close() };
  }, 'Level in memory');
});

const second = suite('published storage suite, on disk');
describeIn(second, () => {
  runStorageAdapterTests(async () => {
    const dir = await TempDir.open('repo-storage');
    const level = new Level<string, Uint8Array>(dir.path, { valueEncoding: 'view' });
    const teardown = async (): Promise<void> => {
      await level.close();
      await dir[Symbol.asyncDispose]();
    };
    return { adapter: await open(level), teardown };
  }, 'Level on disk');
});

first.run();
second.run();
