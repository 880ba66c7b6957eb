/**
 * A program beside Branchline that shows a price live, and changes it when given one.
 *
 *     node --import tsx packages/repo/example/live-price.ts http://127.0.0.1:4100 TOKEN A1 [PRICE]
 *
 * TOKEN is one of `branchline till add`: any role sees the price; a manager's at head office changes it.
 */
import { openPrice } from './open-price.ts';

const [node = '', token = '', sku = '', price] = process.argv.slice(2);
const live = await openPrice(node, token, sku);
const show = (): void => {
  process.stdout.write(`${sku} costs ${live.price() ?? 'nothing yet'}\n`);
};
live.handle.on('change', show);
live.onRefused(({ code, detail }) => process.stdout.write(`refused: ${code}, ${detail}\n`));
show();
if (price !== undefined) {
  live.change(Number(price));
}
