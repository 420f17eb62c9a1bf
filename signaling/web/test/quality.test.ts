import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { Quality } from '../src/quality.ts';

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout'] });
});

function quality() {
  const asked: [string, unknown][] = [];
  const request = (method: string, data: unknown) => {
    asked.push([method, data]);
    return Promise.resolve({});
  };
  return { asked, quality: new Quality({ request }) };
}

test('a size is told when it came to rest, and only when it is another one', () => {
  const { asked, quality: wishes } = quality();
  for (let width = 300; width <= 640; width += 20) {
    wishes.show('c', { width, height: width / 2 });
    mock.timers.tick(100);
  }
  assert.equal(asked.length, 0);
  mock.timers.tick(250);
  assert.deepEqual(asked, [['setConsumerViewport', { consumerId: 'c', width: 640, height: 320 }]]);
  wishes.show('c', { width: 660, height: 330 });
  mock.timers.tick(1_000);
  assert.equal(asked.length, 1, 'nearly the same');
  wishes.show('c', { width: 100, height: 50 });
  wishes.show('c', { width: 640, height: 320 });
  mock.timers.tick(1_000);
  assert.equal(asked.length, 1, 'there and back');
});

test('a choice limits the layers, and the highest is wanted in a small tile too', () => {
  const { asked, quality: wishes } = quality();
  wishes.show('c', { width: 160, height: 90 });
  mock.timers.tick(250);
  asked.length = 0;
  wishes.choose('c', 'low');
  wishes.choose('c', 'low');
  assert.deepEqual(asked, [['setConsumerPreferredLayers', { consumerId: 'c', spatialLayer: 0 }]]);
  asked.length = 0;
  wishes.choose('c', 'high');
  assert.deepEqual(asked, [['setConsumerPreferredLayers', { consumerId: 'c' }], ['setConsumerViewport', { consumerId: 'c', width: 65_535, height: 65_535 }]]);
  asked.length = 0;
  wishes.choose('c', 'auto');
  assert.deepEqual(asked, [['setConsumerPreferredLayers', { consumerId: 'c' }], ['setConsumerViewport', { consumerId: 'c', width: 160, height: 90 }]]);
});

test('a reason goes with its estimate, a score stays', () => {
  const { quality: wishes } = quality();
  wishes.scored({ consumerId: 'c', score: 8, producerScore: 10 });
  wishes.layersChanged({ consumerId: 'c', layers: null, why: 'bandwidth', estimateBps: 90_000 });
  wishes.layersChanged({ consumerId: 'c', layers: { spatialLayer: 1, temporalLayer: 2 }, why: 'viewport' });
  assert.deepEqual(wishes.received('c'), { layers: { spatialLayer: 1, temporalLayer: 2 }, why: 'viewport', score: 8, producerScore: 10 });
  wishes.forget('c');
  assert.equal(wishes.received('c'), undefined);
});
