/** History of a device: a picture for the eye and a sentence for who cannot see it. */
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { ProgramApi } from '../kit/program-api.ts';
import { age, type Speech } from './shown.ts';

type Sample = readonly (number | null)[];
const AGAIN_MS = 10_000;
const SPANS = [1, 24, 336] as const;

export function LagChart({ api, writer, language, words }: Speech & { api: ProgramApi; writer: string }) {
  const [hours, setHours] = useState<(typeof SPANS)[number]>(1);
  const [samples, setSamples] = useState<readonly Sample[]>([]);
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let isOver = false;
    const read = (): void => {
      api
        .call<{ samples: Sample[] }>(`/v1/fleet/${writer}/history?hours=${hours}`)
        .then((answer) => !isOver && setSamples(answer.samples))
        .catch(() => undefined);
    };
    read();
    const timer = setInterval(read, AGAIN_MS);
    return () => {
      isOver = true;
      clearInterval(timer);
    };
  }, [api, writer, hours]);
  useEffect(() => {
    const element = place.current;
    if (element === null || samples.length === 0) {
      return;
    }
    const column = (at: number) => samples.map((sample) => sample[at] ?? null);
    const plot = new uPlot(
      {
        width: Math.max(260, element.clientWidth),
        height: 220,
        legend: { show: true, live: false },
        cursor: { show: false },
        series: [
          {},
          { label: words.chart.behind, stroke: '#a3161c', width: 2 },
          { label: words.chart.there, stroke: '#0b5cad', width: 2, scale: 'entries' },
          { label: words.chart.here, stroke: '#17693a', width: 2, scale: 'entries', dash: [6, 4] },
        ],
        scales: {
          y: { range: (_plot, _least, most) => [0, Math.max(10, most)] },
          entries: { range: (_plot, _least, most) => [0, Math.max(10, most)] },
        },
        axes: [{}, {}, { scale: 'entries', side: 1, grid: { show: false } }],
      },
      [column(0) as number[], column(4), column(2), column(3)],
      element,
    );
    return () => plot.destroy();
  }, [samples, words]);
  const seconds = samples.map((sample) => sample[4] ?? 0);
  return (
    <section class="card stack">
      <div class="row">
        <h3>{words.history}</h3>
        {SPANS.map((span) => (
          <button type="button" key={span} aria-pressed={span === hours} onClick={() => setHours(span)}>
            {words.hours[span]}
          </button>
        ))}
      </div>
      {samples.length === 0 ? (
        <p class="quiet">{words.noHistory}</p>
      ) : (
        <p>
          {words.chartWords(
            age(language, Math.max(...seconds) * 1000),
            age(language, seconds.at(-1)! * 1000),
          )}
        </p>
      )}
      <div ref={place} aria-hidden="true" />
    </section>
  );
}
