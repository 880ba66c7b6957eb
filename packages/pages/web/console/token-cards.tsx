/** Tokens, shown this once: the command that starts the node, to copy or to carry there as a QR code. */
import { useState } from 'preact/hooks';
import { moment } from '../kit/numbers.ts';
import { qrImage } from '../kit/qr.ts';
import type { Token } from './fleet-types.ts';
import type { Speech } from './shown.ts';

/** Beyond it, codes are drawn only for those asked for: two hundred pictures help nobody. */
const CODES_DRAWN_MAX = 12;

export function TokenCards({
  tokens,
  language,
  words,
  onDone,
}: Speech & { tokens: readonly Token[]; onDone: () => void }) {
  const [copied, setCopied] = useState('');
  const { enrol } = words;
  return (
    <section class="stack" aria-live="polite">
      <div class="row">
        <h3>{enrol.made(tokens.length)}</h3>
        <button type="button" onClick={onDone}>
          {enrol.done}
        </button>
      </div>
      <div class="tokens">
        {tokens.map((token, at) => {
          const command = commandOf(token);
          return (
            <div key={token.token} class="card stack">
              <div class="row">
                <strong>{token.code}</strong>
                <span class="quiet">→ {moment(language, token.expiresAt)}</span>
              </div>
              <span class="quiet">{enrol.command}</span>
              <code class="token">{command}</code>
              {at < CODES_DRAWN_MAX ? <img src={qrImage(command)} alt={enrol.qr(token.code)} /> : null}
              <button
                type="button"
                onClick={() => {
                  void navigator.clipboard?.writeText(command).then(() => setCopied(token.token));
                }}
              >
                {copied === token.token ? enrol.copied : enrol.copy} <span class="spoken">{token.code}</span>
              </button>
            </div>
          );
        })}
      </div>
    </section>
  );
}

export function commandOf({ code, token }: Token): string {
  return `npx branchline node --data ${code} --relay ${location.origin} --token ${token}`;
}
