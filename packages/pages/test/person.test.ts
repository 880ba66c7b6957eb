/** Who works at a till is remembered for one tab and one till, and nothing half understood. */
import type { SignedIn } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { forgetPerson, keepPerson, knownPerson, type TabMemory } from '../web/till/person.ts';

class Tab implements TabMemory {
  readonly texts = new Map<string, string>();
  getItem(key: string): string | null {
    return this.texts.get(key) ?? null;
  }
  setItem(key: string, text: string): void {
    this.texts.set(key, text);
  }
  removeItem(key: string): void {
    this.texts.delete(key);
  }
}

const ann = {
  token: 'of-ann',
  till: 'T1',
  employee: { id: 'ann', name: 'Ann' },
  role: 'cashier',
  expiresAt: '2026-11-02T20:00:00Z',
  idleSeconds: 900,
} as unknown as SignedIn;

const test = suite('who works at the till: memory');

test('a person is known again under the token of the till it was made with, until forgotten', () => {
  const tab = new Tab();
  assert.is(knownPerson(tab, 'till'), undefined);
  keepPerson(tab, 'till', ann);
  assert.is(knownPerson(tab, 'till')?.employee.name, 'Ann');
  assert.is(knownPerson(tab, 'another till'), undefined);
  forgetPerson(tab);
  assert.is(knownPerson(tab, 'till'), undefined);
});

test('what another version wrote, or nobody did, is nobody', () => {
  for (const text of ['', '{', 'null', '"ann"', '{"madeWith":"till"}']) {
    const tab = new Tab();
    keepPerson(tab, 'till', ann);
    const [key] = tab.texts.keys();
    tab.setItem(key!, text);
    assert.is(knownPerson(tab, 'till'), undefined, text);
  }
});

test.run();
