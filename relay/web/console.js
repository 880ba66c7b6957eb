/**
 * The operator's console: the fleet, live. Reads `GET /v1/fleet` once and follows `GET /v1/events` from then on; when the stream
 * breaks it says so and begins again. The admin token stays in this tab.
 */
const EVENTS_SHOWN_MAX = 50;
const RETRY_MS = 2_000;

const byId = (id) => document.getElementById(id);
/** Rows by device; an invitation nobody used yet has no writer. */
const rows = new Map();
let token = sessionStorage.getItem('token') ?? '';

byId('login').addEventListener('submit', (event) => {
  event.preventDefault();
  token = byId('token').value.trim();
  follow();
});
if (token !== '') follow();

async function follow() {
  for (;;) {
    try {
      await readFleet();
      sessionStorage.setItem('token', token);
      byId('login').hidden = true;
      byId('page').hidden = false;
      await readEvents();
      say('The relay closed the connection; trying again.');
    } catch (error) {
      if (error.status === 401) {
        sessionStorage.removeItem('token');
        byId('login').hidden = false;
        byId('page').hidden = true;
        say('That token is not the one printed by branchline init.');
        return;
      }
      say(`The relay does not answer (${error.message}); trying again.`);
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

async function call(path) {
  const response = await fetch(path, { headers: { Authorization: `Bearer ${token}` } });
  if (!response.ok) throw Object.assign(new Error(`answer ${response.status}`), { status: response.status });
  return response;
}

async function readFleet() {
  const { relay, branches } = await (await call('/v1/fleet')).json();
  byId('tenant').textContent = `· ${relay.tenant}`;
  rows.clear();
  for (const row of branches) rows.set(keyOf(row), row);
  show(relay);
}

async function readEvents() {
  const reader = (await call('/v1/events')).body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split('\n\n');
    text = blocks.pop();
    for (const block of blocks) take(block);
  }
}

function take(block) {
  const data = block.split('\n').find((line) => line.startsWith('data: '));
  if (data === undefined) return;
  const event = JSON.parse(data.slice(6));
  if (event.type === 'fleetChanged') {
    for (const row of event.devices) {
      rows.delete(`${row.branch}/invited`);
      rows.set(keyOf(row), row);
    }
    show();
  } else {
    tell(event);
  }
}

function keyOf(row) {
  return `${row.branch}/${row.writer ?? 'invited'}`;
}

function show(relay) {
  const all = [...rows.values()].sort((a, b) =>
    `${a.branch}${a.nodeLetter}`.localeCompare(`${b.branch}${b.nodeLetter}`),
  );
  byId('branches').replaceChildren(...all.map(rowElement));
  const online = all.filter((row) => row.online).length;
  const behind = all.filter((row) => row.lag.entriesThere + row.lag.entriesHere > 0).length;
  const disk = relay === undefined ? '' : `, ${gigabytes(relay.disk.freeBytes)} free here`;
  say(`${online} of ${all.length} devices online, ${behind} behind${disk}.`);
}

function rowElement(row) {
  const cells = [
    [`${row.branch}${row.nodeLetter}`],
    [row.state, row.state],
    [row.online ? 'now' : row.lastContact === null ? 'never' : new Date(row.lastContact).toLocaleString()],
    [row.version ?? '–'],
    [row.lag.entriesThere || '–', 'number'],
    [row.lag.entriesHere || '–', 'number'],
    [row.lag.seconds > 0 ? age(row.lag.seconds) : '–', 'number'],
    [row.clockOffsetMs === null ? '–' : `${(row.clockOffsetMs / 1000).toFixed(1)} s`, 'number'],
    [row.disk === null ? '–' : gigabytes(row.disk.freeBytes), 'number'],
    [row.fnDaysLeft ?? '–', 'number'],
  ];
  const element = document.createElement('tr');
  element.append(
    ...cells.map(([text, className = '']) =>
      Object.assign(document.createElement('td'), { textContent: text, className }),
    ),
  );
  return element;
}

function tell({ at, type, ...rest }) {
  const time = Object.assign(document.createElement('time'), {
    textContent: new Date(at).toLocaleTimeString(),
  });
  const words = [type, rest.branch, rest.code, rest.detail, rest.reason].filter(Boolean).join(' · ');
  const item = document.createElement('li');
  item.append(time, words);
  byId('events').prepend(item);
  while (byId('events').children.length > EVENTS_SHOWN_MAX) byId('events').lastElementChild.remove();
}

function say(words) {
  byId('summary').textContent = words;
}

function age(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}

function gigabytes(bytes) {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
