/** Settings: who wins, what the replaced system's names mean, and errors that say where a wrong value came from. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PEERS_MAX, readConfig } from '../src/config.ts';
import type { NodeError } from '../src/errors.ts';

const settings = suite('config');

const fault = (read: () => unknown): NodeError => {
  try {
    read();
  } catch (error) {
    return error as NodeError;
  }
  throw new Error('accepted');
};

const file = (content: unknown) => ({ name: 'node.json', content });

settings(
  'flags win over BRANCHLINE_*, over the replaced system’s names, over the file, over defaults',
  () => {
    const config = readConfig({
      file: file({ data: 'from-file', relay: 'https://file', mode: 'offline', listen: '127.0.0.1:1' }),
      environment: {
        POS_OFFLINE_SYNC_CLOUD_URL: 'https://old/',
        BRANCHLINE_LISTEN: '127.0.0.1:2',
        BRANCHLINE_PEERS: 'http://a:1, http://b:2/',
      },
      flags: { data: 'from-flag' },
    });
    assert.is(config.data, 'from-flag');
    assert.is(config.relay, 'https://old');
    assert.is(config.listen, '127.0.0.1:2');
    assert.is(config.mode, 'offline');
    assert.equal(config.peers, ['http://a:1', 'http://b:2']);
    assert.is(config.syncIntervalSeconds, 30);
  },
);

settings('where operators’ browsers reach it is an address without a path', () => {
  const environment = { BRANCHLINE_PUBLIC_URL: 'https://hq.example' };
  assert.is(readConfig({ file: file({ data: 'd' }), environment }).publicUrl, 'https://hq.example');
  for (const publicUrl of ['https://hq.example/hq', 'hq.example', 'wss://hq.example']) {
    const wrong = fault(() => readConfig({ file: file({ data: 'd', publicUrl }), environment: {} }));
    assert.match(wrong.message, 'publicUrl');
  }
});

settings('the short names the replaced system really read are understood too', () => {
  const config = readConfig({
    file: file({ data: 'd' }),
    environment: {
      POS_OFFLINE_SYNC_ENABLED: 'true',
      POS_OFFLINE_WAREHOUSE_ID: 'B007',
      POS_OFFLINE_CLOUD_URL: 'https://cloud.example',
      POS_OFFLINE_API_KEY: 'secret',
      POS_OFFLINE_SYNC_INTERVAL: '90',
      POS_OFFLINE_OPERATION_MODE: 'sync_on_demand',
    },
  });
  const { branch, relay, token, syncIntervalSeconds, mode } = config;
  assert.equal(
    [branch, relay, token, syncIntervalSeconds, mode],
    ['B007', 'https://cloud.example', 'secret', 90, 'sync_on_demand'],
  );
});

settings('without a folder it says how to name one', () => {
  const { code, message } = fault(() => readConfig({ environment: {} }));
  assert.is(code, 'NODE_CONFIG');
  assert.match(message, /^data: name the folder of this node: --data DIR/);
});

settings('the replaced system’s names are understood', () => {
  const config = readConfig({
    file: file({ data: 'd' }),
    environment: {
      POS_OFFLINE_SYNC_ENABLED: 'true',
      POS_OFFLINE_SYNC_WAREHOUSE_ID: 'B007',
      POS_OFFLINE_SYNC_CLOUD_URL: 'https://cloud.example',
      POS_OFFLINE_SYNC_API_KEY: 'secret',
      POS_OFFLINE_SYNC_SYNC_INTERVAL: '90',
      POS_OFFLINE_SYNC_OPERATION_MODE: 'sync_on_demand',
    },
  });
  const { branch, relay, token, syncIntervalSeconds, mode } = config;
  assert.equal(
    { branch, relay, token, syncIntervalSeconds, mode },
    {
      branch: 'B007',
      relay: 'https://cloud.example',
      token: 'secret',
      syncIntervalSeconds: 90,
      mode: 'sync_on_demand',
    },
  );
  const off = readConfig({ file: file({ data: 'd' }), environment: { POS_OFFLINE_SYNC_ENABLED: 'False' } });
  assert.is(off.mode, 'offline');
});

settings('a wrong value is named with where it came from; a typing error is not passed over', () => {
  const wrong = fault(() =>
    readConfig({ file: file({ data: 'd', lisen: 1 }), environment: { BRANCHLINE_MODE: 'sometimes' } }),
  );
  assert.is(wrong.code, 'NODE_CONFIG');
  assert.match(wrong.message, /mode \(from BRANCHLINE_MODE\)/);
  assert.match(wrong.message, /"lisen" \(node.json\) is not a setting/);
  assert.match(fault(() => readConfig({ environment: {} })).message, /^data/);
  assert.match(fault(() => readConfig({ file: file([]), environment: {} })).message, /one JSON object/);
  for (const listen of ['8080', 'localhost', '127.0.0.1:99999', 'a b:1']) {
    assert.match(
      fault(() => readConfig({ environment: {}, flags: { data: 'd', listen } })).message,
      /listen/,
    );
  }
  const peers = Array.from({ length: PEERS_MAX + 1 }, (_, index) => `http://peer${index}`);
  assert.match(fault(() => readConfig({ environment: {}, flags: { data: 'd', peers } })).message, /peers/);
});

settings.run();
