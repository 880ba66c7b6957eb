/** The disk fails under a running relay: it stops acknowledging, says so, and ends; the next start has everything acknowledged. */
import { type Disk, type DiskFile, NodeDisk, type OpenMode } from '@branchline/feed';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { enrolDevice } from '../../test/support/device.ts';
import { until, within } from '../../test/support/within.ts';
import { ports, RunningRelay } from './support/running.ts';

const test = suite('relay disk failure');

/** The real disk, until `fail` is set: then every sync is an I/O error. */
class FailingDisk extends NodeDisk implements Disk {
  fail = false;

  override async open(path: string, mode: OpenMode): Promise<DiskFile> {
    const file = await super.open(path, mode);
    return {
      append: (bytes) => file.append(bytes),
      read: (offset, length) => file.read(offset, length),
      size: () => file.size(),
      truncate: (size) => file.truncate(size),
      close: () => file.close(),
      datasync: async () => {
        if (this.fail) {
          throw new Error('EIO: i/o error, fdatasync');
        }
        await file.datasync();
      },
    };
  }
}

test('G1: after a write error nothing is acknowledged, readiness says why, and `failed` resolves', async () => {
  const disk = new FailingDisk();
  await using relay = await RunningRelay.open({}, { ...ports, disk });
  const [token, other] = await relay.tokens('B001', 'B002');
  const shop = await enrolDevice(relay.url, token!);
  await shop.write('orders/B001', { total: 1 });
  await shop.dial();
  const acked = (seq: number) => () =>
    shop.replicator
      .progress()
      .some(({ feeds }) => feeds.some((feed) => feed.feed.startsWith('orders/') && feed.ackedUpTo === seq));
  await until(30_000, 'the first acknowledgement', acked(1));
  disk.fail = true;
  await shop.write('orders/B001', { total: 2 });
  const failure = await within(30_000, 'the failure', relay.relay.failed);
  assert.is(failure.code, 'RELAY_FAILED');
  assert.match(failure.hint!, /disk/);
  assert.not.ok(acked(2)());
  const ready = await relay.call('GET', '/readyz');
  assert.is(ready.status, 503);
  assert.match(ready.body.status, /store failed/);
  const publicKey = Buffer.alloc(32, 7).toString('base64url');
  const enrol = await relay.call('POST', '/v1/enrol', { body: { token: other, publicKey } });
  assert.is(enrol.status, 503);

  disk.fail = false;
  await relay.restart();
  const again = await shop.dial();
  await until(30_000, 'the second entry after the restart', acked(2));
  again.close();
});

test.run();
