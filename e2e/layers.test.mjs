// Layers by request: the picture changes its size and nothing else. Its frame numbers go on, it never stops, and it is like its source.
import { after, before, test } from 'node:test';
import { House } from './harness/house.mjs';
import { judgeLayers } from './harness/layers.mjs';
import { LARGE } from './harness/picture.mjs';

let house;
before(async () => (house = await House.open({ film: { size: LARGE } })));
after(() => house?.close());

for (const [codec, layers] of [['vp8', 'simulcast'], ['h264', 'simulcast'], ['vp9', 'simulcast'], ['vp9', 'svc'], ['av1', 'svc']]) {
  test(`${codec} by ${layers}: low, high, medium, high`, { timeout: 180_000 }, async () => {
    const room = `${codec}-${layers}`;
    const [ada, bob] = [await house.tab(1), await house.tab(2)];
    await ada.join(house.server, { name: 'ada', room, codec, layers, height: `${LARGE.height}`, mic: '0' });
    await bob.join(house.server, { name: 'bob', room, cam: '0', mic: '0' });
    await judgeLayers(bob, { from: 'ada', sender: 1, codec, order: ['low', 'high', 'medium', 'high'] });
    for (const tab of [ada, bob]) await tab.click('leave');
    await house.server.untilEmpty();
    await Promise.all([ada, bob].map((tab) => tab.close()));
  });
}
