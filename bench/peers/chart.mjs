/** Draws charts handed in as JSON on standard input into the folder named on the command line. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import * as vega from 'vega';

const [dir] = process.argv.slice(2);
const charts = JSON.parse(await text(process.stdin));

function specOf({ title, unit, kind, values }) {
  const isLine = kind === 'line';
  const category = {
    name: 'x',
    type: isLine ? 'point' : 'band',
    domain: { data: 'values', field: 'name' },
    padding: 0.3,
  };
  const number = {
    name: 'y',
    type: 'linear',
    nice: true,
    zero: true,
    domain: { data: 'values', field: 'value' },
  };
  const scales = isLine
    ? [
        { ...category, range: 'width' },
        { ...number, range: 'height' },
      ]
    : [
        { ...category, range: 'height' },
        { ...number, range: 'width' },
      ];
  const bars = {
    type: 'rect',
    from: { data: 'values' },
    encode: {
      enter: {
        y: { scale: 'x', field: 'name' },
        height: { scale: 'x', band: 1 },
        x: { scale: 'y', value: 0 },
        x2: { scale: 'y', field: 'value' },
        fill: { signal: "datum.name === 'branchline' ? '#c2410c' : '#64748b'" },
      },
    },
  };
  const labels = {
    type: 'text',
    from: { data: 'values' },
    encode: {
      enter: {
        ...(isLine
          ? {
              x: { scale: 'x', field: 'name' },
              y: { scale: 'y', field: 'value', offset: -10 },
              align: { value: 'center' },
            }
          : {
              y: { scale: 'x', field: 'name', band: 0.5 },
              x: { scale: 'y', field: 'value', offset: 4 },
              baseline: { value: 'middle' },
            }),
        text: { signal: "format(datum.value, '.3~s')" },
        fill: { value: '#334155' },
      },
    },
  };
  const line = {
    type: 'line',
    from: { data: 'values' },
    encode: {
      enter: {
        x: { scale: 'x', field: 'name' },
        y: { scale: 'y', field: 'value' },
        stroke: { value: '#c2410c' },
        strokeWidth: { value: 2 },
      },
    },
  };
  return {
    $schema: 'https://vega.github.io/schema/vega/v6.json',
    width: 560,
    height: isLine ? 260 : Math.max(80, values.length * 28),
    padding: 12,
    background: 'white',
    title: { text: title, anchor: 'start' },
    data: [{ name: 'values', values }],
    scales,
    axes: isLine
      ? [
          { orient: 'bottom', scale: 'x', title: 'branches' },
          { orient: 'left', scale: 'y', title: unit, grid: true },
        ]
      : [
          { orient: 'left', scale: 'x', ticks: false, domain: false },
          { orient: 'bottom', scale: 'y', title: unit, grid: true },
        ],
    marks: isLine ? [line, labels] : [bars, labels],
  };
}

for (const chart of charts) {
  const view = new vega.View(vega.parse(specOf(chart)), { renderer: 'none' });
  await writeFile(join(dir, chart.file), `${await view.toSVG()}\n`);
}
process.stdout.write(`${JSON.stringify({ event: 'drawn', charts: charts.length })}\n`);
