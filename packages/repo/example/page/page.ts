/** The page of the example: a price that changes while it is looked at, and a field that changes it; refusals are told and go back. */
import { type LivePrice, openPrice } from '../open-price.ts';

const MINOR_PER_MAJOR = 100;

const part = <Kind extends HTMLElement>(id: string): Kind => document.getElementById(id) as Kind;
const said = part('said');
let live: LivePrice | undefined;

function show(sku: string): void {
  const minor = live?.price();
  part('price').textContent =
    minor === undefined ? `${sku} has no price` : `${sku}: ${(minor / MINOR_PER_MAJOR).toFixed(2)}`;
}

async function open(sku: string, mayChange: boolean): Promise<void> {
  live?.close();
  live = await openPrice(location.origin, part<HTMLInputElement>('token').value.trim(), sku);
  live.handle.on('change', () => show(sku));
  live.onRefused(({ code, detail }) => {
    said.textContent = `${code}: ${detail}`;
    if (code === 'EDIT_READ_ONLY') {
      // What was written stays in this copy of the document: another one shows what is true.
      void open(sku, false);
    }
  });
  part('change').hidden = !mayChange;
  show(sku);
}

part<HTMLFormElement>('open').addEventListener('submit', (event) => {
  event.preventDefault();
  said.textContent = '';
  open(part<HTMLInputElement>('sku').value.trim(), true).catch((error: Error) => {
    said.textContent = error.message;
  });
});

part<HTMLFormElement>('change').addEventListener('submit', (event) => {
  event.preventDefault();
  said.textContent = '';
  const minor = Math.round(
    Number(part<HTMLInputElement>('wanted').value.replace(',', '.')) * MINOR_PER_MAJOR,
  );
  if (Number.isSafeInteger(minor) && minor >= 0) {
    live?.change(minor);
  } else {
    said.textContent = 'That is no price.';
  }
});
