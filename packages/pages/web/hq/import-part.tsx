/** A catalog file: looked through first, then all of it or nothing. */
import type { ImportReport } from '@branchline/model';
import { useState } from 'preact/hooks';
import { money } from '../kit/numbers.ts';
import { Refused } from '../kit/program-api.ts';
import { scrollable } from '../kit/scrollable.ts';
import type { PartProps } from './hq-words.ts';
import { saidOf } from './use-answer.ts';

const FAULTS_SHOWN = 100;

export function ImportPart({ api, language, words, isOffice }: PartProps) {
  const [file, setFile] = useState<File>();
  const [report, setReport] = useState<ImportReport>();
  const [accept, setAccept] = useState(false);
  const [said, setSaid] = useState('');
  const send = async (dryRun: boolean) => {
    if (file === undefined) {
      return;
    }
    const accepted = accept ? '&accept=VAT_CHANGED,PRICE_JUMP' : '';
    const path = `/v1/catalog/imports?dryRun=${dryRun}&file=${encodeURIComponent(file.name)}${accepted}`;
    setSaid(words.loading);
    try {
      setReport(await api.call<ImportReport>(path, { method: 'POST', file }));
      setSaid(dryRun ? '' : words.imported);
    } catch (error) {
      setReport(error instanceof Refused ? (error.problem.report as ImportReport | undefined) : undefined);
      setSaid(saidOf(error, { words, language }));
    }
  };
  const isReady = report?.dryRun === true && report.errors === 0;
  return (
    <section class="stack">
      <p class="quiet">{words.importIntro}</p>
      <div class="card tools">
        <label class="field">
          {words.file}
          <input
            type="file"
            accept=".csv,.xlsx,.txt"
            disabled={!isOffice}
            onChange={(event) => {
              setFile(event.currentTarget.files?.[0]);
              setReport(undefined);
              setSaid('');
            }}
          />
        </label>
        <label class="row">
          <input
            type="checkbox"
            checked={accept}
            onChange={(event) => setAccept(event.currentTarget.checked)}
          />
          {words.accept}
        </label>
        <button type="button" disabled={file === undefined} onClick={() => void send(true)}>
          {words.preview}
        </button>
        <button type="button" class="main" disabled={!isReady} onClick={() => void send(false)}>
          {words.commit}
        </button>
      </div>
      <p role="status">{said}</p>
      {report === undefined ? null : (
        <>
          <p class={`note ${report.errors > 0 ? 'bad' : 'well'}`}>
            {words.found(report.rows, report.created, report.changed, report.unchanged)}{' '}
            {words.faults(report.errors, report.warnings)}
          </p>
          {report.faults.length === 0 ? null : (
            <div class="card scroll" {...scrollable}>
              <table>
                <thead>
                  <tr>
                    <th scope="col">{words.row}</th>
                    <th scope="col">{words.field}</th>
                    <th scope="col">{words.what}</th>
                    <th scope="col">{words.value}</th>
                  </tr>
                </thead>
                <tbody>
                  {report.faults.slice(0, FAULTS_SHOWN).map((fault) => (
                    <tr key={`${fault.row} ${fault.column} ${fault.code}`}>
                      <td>{fault.row}</td>
                      <td>{fault.column ?? '–'}</td>
                      <td>
                        <span class={`chip ${fault.level === 'error' ? 'bad' : 'notice'}`}>{fault.code}</span>{' '}
                        {language === 'en' ? (
                          fault.words
                        ) : (
                          <>
                            {words.faultCodes[fault.code]}{' '}
                            <span lang="en" class="quiet said">
                              {fault.words}
                            </span>
                          </>
                        )}
                      </td>
                      <td>{fault.value ?? '–'}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
          <div class="card scroll" {...scrollable}>
            <table>
              <thead>
                <tr>
                  <th scope="col">{words.sku}</th>
                  <th scope="col">{words.name}</th>
                  <th scope="col" class="number">
                    {words.price}
                  </th>
                </tr>
              </thead>
              <tbody>
                {report.preview.map((row) => (
                  <tr key={row.sku}>
                    <td>{row.sku}</td>
                    <td>{row.name ?? '–'}</td>
                    <td class="number">
                      {row.priceMinor === undefined ? '–' : money(language, row.priceMinor)}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </section>
  );
}
