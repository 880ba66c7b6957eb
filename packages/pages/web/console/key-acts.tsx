/** Revoke and rotate, each asked for twice: the question says what will happen. */
import { useRef, useState } from 'preact/hooks';
import type { ProgramApi } from '../kit/program-api.ts';
import type { Token } from './fleet-types.ts';
import type { Speech } from './shown.ts';
import { TokenCards } from './token-cards.tsx';

export function KeyActs({ api, code, language, words }: Speech & { api: ProgramApi; code: string }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [act, setAct] = useState<'revoke' | 'rotate'>('revoke');
  const [reason, setReason] = useState('');
  const [said, setSaid] = useState('');
  const [tokens, setTokens] = useState<readonly Token[]>([]);
  const { enrol } = words;
  const ask = (wanted: 'revoke' | 'rotate') => {
    setAct(wanted);
    dialog.current?.showModal();
  };
  const go = async () => {
    dialog.current?.close();
    try {
      if (act === 'revoke') {
        const body = reason.trim() === '' ? {} : { reason: reason.trim() };
        await api.call(`/v1/branches/${encodeURIComponent(code)}/revoke`, { method: 'POST', body });
        setSaid(enrol.revoked(code));
      } else {
        const path = `/v1/branches/${encodeURIComponent(code)}/rotate`;
        setTokens((await api.call<{ tokens: Token[] }>(path, { method: 'POST' })).tokens);
      }
    } catch (error) {
      setSaid(words.failed((error as Error).message));
    }
  };
  return (
    <div class="stack">
      <div class="row">
        <span class="quiet">{enrol.keys}</span>
        <button type="button" onClick={() => ask('rotate')}>
          {enrol.rotate} <span class="spoken">{enrol.ofBranch(code)}</span>
        </button>
        <button type="button" class="danger" onClick={() => ask('revoke')}>
          {enrol.revoke} <span class="spoken">{enrol.ofBranch(code)}</span>
        </button>
      </div>
      <p role="status">{said}</p>
      {tokens.length === 0 ? null : (
        <TokenCards tokens={tokens} language={language} words={words} onDone={() => setTokens([])} />
      )}
      <dialog ref={dialog} aria-labelledby="key-act-title">
        <div class="stack">
          <h2 id="key-act-title">{act === 'revoke' ? enrol.revokeTitle(code) : enrol.rotateTitle(code)}</h2>
          <p>{act === 'revoke' ? enrol.revokeWords : enrol.rotateWords}</p>
          {act === 'revoke' ? (
            <label class="field">
              {enrol.reason}
              <input
                maxLength={200}
                value={reason}
                onInput={(event) => setReason(event.currentTarget.value)}
              />
            </label>
          ) : null}
          <div class="row">
            <button type="button" class="main" onClick={() => void go()}>
              {act === 'revoke' ? enrol.yesRevoke : enrol.yesRotate}
            </button>
            <button type="button" onClick={() => dialog.current?.close()}>
              {enrol.cancel}
            </button>
          </div>
        </div>
      </dialog>
    </div>
  );
}
