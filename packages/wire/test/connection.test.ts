import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ack, codeOf, entriesFrame, settle, world } from './support.ts';

const test = suite('connection');

test('two admitted devices open a connection and exchange messages in order', async () => {
  const w = world();
  await w.connect();
  assert.is(w.branch.error, undefined);
  assert.equal(w.relay.connection!.peer.key, w.branch.options.identity!.publicKey);
  assert.is(w.branch.connection!.info, 'known');
  await w.branch.connection!.send(entriesFrame(3));
  await w.branch.connection!.send(ack(1));
  await w.relay.connection!.send(ack(2));
  await settle(w.clock);
  assert.equal(w.relay.received, [entriesFrame(3), ack(1)]);
  assert.equal(w.branch.received, [ack(2)]);
});

test.run();
