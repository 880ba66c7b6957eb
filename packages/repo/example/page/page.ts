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

part<HTMLFormElement>('open').addEventListener('submit', async (event) => {
  event.preventDefault();
  said.textContent = '';
  const sku = part<HTMLInputElement>('sku').value.trim();
  try {
    live?.close();
    live = await openPrice(location.origin, part<HTMLInputElement>('token').value.trim(), sku);
    live.handle.on('change', () => show(sku));
    live.onRefused(({ code, detail }) => {
      said.textContent = `${code}: ${detail}`;
    });
    part('change').hidden = false;
    show(sku);
  } catch (error) {
    said.textContent = (error as Error).message;
  }
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
