/** S-61: a card number that a branch pushes in any field stands in no feed; numbers of other things stay as they are. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { posOrder } from '../../../test/support/pos-offline-sync/records.ts';
import { withoutCardNumbers } from '../../src/pos-offline-sync/card-numbers.ts';
import { CloudScene } from './support/cloud-scene.ts';

const test = suite('card numbers in pushed records');

const VISA = '4111111111111111';
const SHORT_VISA = '4222222222222';

test('found in unknown keys, in notes, in payments and in JSON inside text; kept where a number names something', () => {
  const given = {
    unknown_field: `paid with ${VISA}`,
    deep: [{ more: { n: Number(VISA) } }],
    note: '4111-1111-1111-1111',
    thirteen: SHORT_VISA,
    payments: [
      { number_voucher: SHORT_VISA, check_bank_account: VISA, amount: 5.98, memo: `x${SHORT_VISA}` },
    ],
    card_info_json: JSON.stringify([{ numero: VISA }]),
    product_barcode: VISA,
    pos_reference: '4111 1111 1111 1111',
    key_order: VISA,
    loyalty_card: VISA,
    partner_vat: VISA,
    lines: [{ product_default_code: VISA, qty: 1 }],
    session_id: 7,
    nothing: null,
  };
  assert.equal(withoutCardNumbers(given), {
    ...given,
    unknown_field: 'paid with ************1111',
    deep: [{ more: { n: '************1111' } }],
    note: '****-****-****-1111',
    payments: [
      { number_voucher: '*********2222', check_bank_account: VISA, amount: 5.98, memo: 'x*********2222' },
    ],
    card_info_json: '[{"numero":"************1111"}]',
  });
  const plain = posOrder({ id: 1 });
  assert.is(withoutCardNumbers(plain), plain, 'nothing found, nothing copied');
  const hostile = JSON.parse(`{"__proto__":{"a":"${VISA}"},"b":1}`);
  assert.is(JSON.stringify(withoutCardNumbers(hostile)), '{"__proto__":{"a":"************1111"},"b":1}');
});

test('no entry of any feed holds one, and the same order again is still the same', async () => {
  await using scene = await CloudScene.open();
  const b17 = await scene.branch('B017');
  const order = posOrder({
    id: 3,
    partner: { id: 5, vat: '1790011674001' },
    more: {
      ext_pay: VISA,
      payments: [{ amount: 5.98, payment_method_name: 'Tarjeta', number_voucher: VISA }],
    },
  });
  const first = await scene.push(b17, 'pos.order', [[1, 3, order]]);
  await scene.push(b17, 'res.partner', [[2, 5, { id: 5, name: 'Ana', vat: '1790011674001', comment: VISA }]]);
  const broken = { ...posOrder({ id: 4 }), amount_total: VISA, lines: [] };
  await scene.push(b17, 'pos.order', [[3, 4, broken]]);
  const again = await scene.push(b17, 'pos.order', [[4, 3, order]]);
  assert.is(again.json.results[0].cloud_id, first.json.results[0].cloud_id);
  for await (const { runs } of scene.hq.store!.replay(0)) {
    for (const { entries } of runs) {
      assert.not.ok(entries.some((bytes) => Buffer.from(bytes).includes(VISA)));
    }
  }
  const [waiting] = (await scene.services.posSync!.unsettled()) as { record: string }[];
  assert.match(waiting!.record, '************1111');
});

test.run();
