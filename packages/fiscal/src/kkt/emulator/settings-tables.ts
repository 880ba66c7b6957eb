/** The tables of settings of an emulated Shtrih-M device: those a host reads or writes, with one row each. */
import { Refusal } from './refusal.ts';

export interface SettingField {
  readonly name: string;
  readonly kind: 'number' | 'text';
  readonly width: number;
  value: string | number;
}

const number = (name: string, width: number, value: number): SettingField => ({
  name,
  kind: 'number',
  width,
  value,
});
const text = (name: string, width: number, value: string): SettingField => ({
  name,
  kind: 'text',
  width,
  value,
});

export interface SettingsTable {
  readonly name: string;
  readonly fields: readonly SettingField[];
}

export function settingsTables(facts: {
  readonly serial: string;
  readonly inn: string;
  readonly registrationNumber: string;
  readonly fn: string;
}): ReadonlyMap<number, SettingsTable> {
  return new Map([
    [1, { name: 'Mode', fields: [number('Hall', 1, 1), number('Tax mode', 1, 0)] }],
    [
      18,
      {
        name: 'Fiscal storage',
        fields: [
          text('Serial number', 16, facts.serial),
          text('INN', 12, facts.inn),
          text('Registration number', 20, facts.registrationNumber),
          text('FN number', 16, facts.fn),
          number('Tax systems', 1, 1),
          number('Mode', 1, 0),
          text('Owner', 64, 'Emulator'),
          text('Operator', 64, ''),
          text('Address', 64, 'Nowhere'),
        ],
      },
    ],
    [
      19,
      {
        name: 'Operator of fiscal data',
        fields: [text('Host', 64, '127.0.0.1'), number('Port', 2, 7779), number('Limit', 2, 60)],
      },
    ],
    [
      21,
      {
        name: 'Network',
        // 0: the host carries messages to the operator.
        fields: [
          number('Interface', 1, 1),
          number('Exchange', 1, 0),
          number('Server', 1, 1),
          number('Port', 2, 7778),
        ],
      },
    ],
  ]);
}

export function settingOf(
  tables: ReadonlyMap<number, SettingsTable>,
  table: number,
  row: number,
  field: number,
): SettingField {
  const found = row === 1 ? tables.get(table)?.fields[field - 1] : undefined;
  if (found === undefined) throw new Refusal('value-wrong');
  return found;
}
