/** Everything behind the strip: every part, peer, feed, alarm and deadline, the last events, and who is signed in. */
import type { SyncStatus } from '@branchline/model';
import { kitWords } from '../kit/kit-words.ts';
import { knownWords, situationWords } from '../kit/node-words.ts';
import { count, duration, moment } from '../kit/numbers.ts';
import { troubleWords } from '../kit/register-words.ts';
import type { PartProps } from './signed-in-till.tsx';
import { sentenceOf, stateWords } from './status-strip.tsx';
import { useTwice } from './twice.ts';

const GB = 1_000_000_000;

export function DetailsView({ onSignOut, ...part }: PartProps & { onSignOut: () => void }) {
  const { state, words, language } = part;
  const { me, sync, strip } = state;
  const [isSure, signOut] = useTwice(onSignOut);
  return (
    <div class="stack details">
      <section class="card stack" aria-label={words.details.title}>
        <div class="row spread">
          <div>
            <h2>{words.details.title}</h2>
            {me !== undefined && (
              <p class="quiet">
                {words.details.signedIn(me.till, me.branch)} · {words.details.roles[me.role]}
              </p>
            )}
          </div>
          <button type="button" class="danger" onClick={signOut}>
            {isSure ? words.details.signOutSure : kitWords[language].signOut}
          </button>
        </div>
        <h3>{words.details.works}</h3>
        <p>{sentenceOf(state, language, words) ?? words.strip.allWell}</p>
        {sync !== undefined && (
          <ul>
            {sync.situation.map((each) => (
              <li key={each.code}>{situationWords(language, each)}</li>
            ))}
            {sync.fiscal?.trouble !== undefined && <li>{troubleWords(language, sync.fiscal.trouble)}</li>}
          </ul>
        )}
        <ul class="plain-list">
          {strip.parts.map((part) => (
            <li key={part.what} class="row">
              <span class={`chip ${part.level}`}>
                {words.strip.parts[part.what]}: {stateWords(part, words)}
              </span>
              {part.what === 'disk' && sync?.disk !== undefined && (
                <span class="quiet">
                  {words.details.disk(
                    count(language, Math.round(sync.disk.freeBytes / GB)),
                    count(language, Math.round(sync.disk.totalBytes / GB)),
                  )}
                </span>
              )}
              {part.what === 'clock' && sync !== undefined && (
                <span class="quiet">
                  {words.details.drift(count(language, Math.round(sync.clock.driftMs / 100) / 10))}
                </span>
              )}
            </li>
          ))}
        </ul>
      </section>
      {sync !== undefined && <Deadlines {...part} sync={sync} />}
      {sync !== undefined && <Peers {...part} sync={sync} />}
      {sync !== undefined && (
        <section class="card stack" aria-label={words.details.alarms}>
          <h2>{words.details.alarms}</h2>
          {sync.alarms.length === 0 ? (
            <p class="quiet">{words.details.noAlarms}</p>
          ) : (
            <ul class="plain-list">
              {sync.alarms.map(({ code, detail, at }) => (
                <li key={code + detail} class="note notice">
                  <b>{knownWords(language, 'alarms', code) ?? code}</b>{' '}
                  <span class="quiet">{moment(language, at)}</span>
                  <details>
                    <summary>{words.details.nodeSays}</summary>
                    <span lang="en">
                      {detail} ({code})
                    </span>
                  </details>
                </li>
              ))}
            </ul>
          )}
        </section>
      )}
      <section class="card stack" aria-label={words.details.events}>
        <h2>{words.details.events}</h2>
        <ul class="plain-list">
          {state.events.map(({ type, atMs }, at) => (
            <li key={at} class="quiet">
              {type} · {words.stock.ago(duration(language, state.nowMs - atMs))}
            </li>
          ))}
        </ul>
      </section>
    </div>
  );
}

function Deadlines({ words, language, sync }: PartProps & { sync: SyncStatus }) {
  const countdowns = sync.fiscal?.countdowns ?? [];
  return (
    <section class="card stack" aria-label={words.details.countdowns}>
      <h2>{words.details.countdowns}</h2>
      {sync.fiscal === undefined && <p class="quiet">{words.details.noFiscal}</p>}
      <ul class="plain-list">
        {countdowns.map(({ what, level, leftMs }) => (
          <li key={what} class="row">
            <b>{words.details.deadlineNames[what]}</b>
            <span class={`chip ${level === 'well' ? 'well' : level === 'notice' ? 'notice' : 'bad'}`}>
              {words.details.levels[level]}
            </span>
            {leftMs !== undefined && (
              <span class="quiet">
                {words.details.left}: {duration(language, leftMs)}
              </span>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Peers({ words, language, sync, state }: PartProps & { sync: SyncStatus }) {
  return (
    <section class="card stack" aria-label={words.details.peers}>
      <h2>{words.details.peers}</h2>
      {sync.peers.length === 0 && <p class="quiet">{words.details.noPeers}</p>}
      {sync.peers.map((peer) => (
        <div key={peer.peer + peer.direction} class="peer stack tight">
          <div class="row">
            <b class="break">{peer.peer}</b>
            <span
              class={`chip ${peer.state === 'connected' ? 'well' : peer.state === 'off' ? 'off' : 'notice'}`}
            >
              {words.details.peerStates[peer.state]}
            </span>
          </div>
          <dl class="facts">
            <dt>{words.details.contact}</dt>
            <dd>
              {peer.lastContactAt === undefined
                ? '—'
                : words.stock.ago(duration(language, state.nowMs - Date.parse(peer.lastContactAt)))}
            </dd>
            <dt>{words.details.missingHere}</dt>
            <dd>{count(language, peer.missingHere)}</dd>
            <dt>{words.details.missingThere}</dt>
            <dd>{count(language, peer.missingThere)}</dd>
            <dt>{words.details.behind}</dt>
            <dd>{duration(language, peer.behindSeconds * 1000)}</dd>
            <dt>{words.details.cause}</dt>
            <dd>{knownWords(language, 'causes', peer.causeCode) ?? <span lang="en">{peer.cause}</span>}</dd>
          </dl>
          {peer.feeds.length > 0 && (
            <details>
              <summary>{words.details.feeds(peer.peer)}</summary>
              <div class="wide-table">
                <table>
                  <thead>
                    <tr>
                      <th scope="col">{words.details.feed}</th>
                      <th scope="col" class="number">
                        {words.details.missingHere}
                      </th>
                      <th scope="col" class="number">
                        {words.details.missingThere}
                      </th>
                      <th scope="col" class="number">
                        {words.details.behind}
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {peer.feeds.map((feed) => (
                      <tr key={feed.feed}>
                        <td class="break">{feed.feed}</td>
                        <td class="number">{count(language, feed.missingHere)}</td>
                        <td class="number">{count(language, feed.missingThere)}</td>
                        <td class="number">{duration(language, feed.behindSeconds * 1000)}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            </details>
          )}
        </div>
      ))}
    </section>
  );
}
