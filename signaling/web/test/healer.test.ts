import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { Healer } from '../src/healer.ts';

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout'] });
});

/** A path whose restarts the test settles. */
function brokenPath() {
  const path = { restarts: 0, losses: 0, connected: false, settle: (_error?: Error): void => undefined };
  const healer = new Healer({
    isConnected: () => path.connected,
    restart: () => new Promise((resolve, reject) => {
      path.restarts++;
      path.settle = (error) => (error === undefined ? resolve() : reject(error));
    }),
    lost: () => path.losses++,
  });
  return { path, healer };
}

async function settle(path: { settle(error?: Error): void }, error?: Error): Promise<void> {
  path.settle(error);
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}

test('a short gap heals without a restart', () => {
  const { path, healer } = brokenPath();
  healer.stateChanged('disconnected');
  mock.timers.tick(1_999);
  healer.stateChanged('connected');
  mock.timers.tick(60_000);
  assert.equal(path.restarts, 0);
});

test('what the browser calls connecting does not end the retries', async () => {
  const { path, healer } = brokenPath();
  healer.stateChanged('failed');
  mock.timers.tick(0);
  await settle(path);
  healer.stateChanged('connecting');
  mock.timers.tick(5_000);
  assert.equal(path.restarts, 2);
});

test('a failure during a restart does not begin a second one beside it', async () => {
  const { path, healer } = brokenPath();
  healer.stateChanged('disconnected');
  mock.timers.tick(2_000);
  healer.stateChanged('failed');
  mock.timers.tick(60_000);
  assert.equal(path.restarts, 1);
  await settle(path);
  mock.timers.tick(5_000);
  assert.equal(path.restarts, 2);
});

test('a path that came back is left alone', async () => {
  const { path, healer } = brokenPath();
  healer.stateChanged('failed');
  mock.timers.tick(0);
  path.connected = true;
  healer.stateChanged('connected');
  await settle(path);
  mock.timers.tick(60_000);
  assert.deepEqual([path.restarts, path.losses], [1, 0]);
});

test('it is given up after five restarts, or at once when the server takes no part', async () => {
  const patient = brokenPath();
  patient.healer.stateChanged('failed');
  mock.timers.tick(0);
  for (let round = 0; round < 10; round++) {
    await settle(patient.path);
    mock.timers.tick(5_000);
  }
  assert.deepEqual([patient.path.restarts, patient.path.losses], [5, 1]);
  const refused = brokenPath();
  refused.healer.stateChanged('failed');
  mock.timers.tick(0);
  await settle(refused.path, new Error('unknown-transport'));
  assert.equal(refused.path.losses, 1);
});

test('after the end nothing happens', async () => {
  const { path, healer } = brokenPath();
  healer.stateChanged('failed');
  mock.timers.tick(0);
  healer.close();
  await settle(path);
  healer.stateChanged('failed');
  mock.timers.tick(60_000);
  assert.deepEqual([path.restarts, path.losses], [1, 0]);
});
