// What a new user does: start the server without any configuration, open the page, type a name, join.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inHouse } from './harness/house.mjs';
import { verifyMedia } from './harness/verify.mjs';

test('with no configuration at all two people meet through the lobby', { timeout: 120_000 }, () =>
  inHouse({ environment: { JWT_SECRET: '' } }, async (house) => {
    const tabs = await Promise.all([1, 2].map((sender) => house.tab(sender)));
    for (const [n, name] of ['ada', 'bob'].entries()) {
      const { page } = tabs[n];
      tabs[n].name = name;
      await page.goto(`${house.server.origin}/`);
      await page.fill('[data-testid="name"]', name);
      await page.fill('[data-testid="room"]', 'first');
      await tabs[n].click('join');
      await tabs[n].untilState('connected');
    }
    await verifyMedia(tabs[0], { from: 'bob', sender: 2 });
    await verifyMedia(tabs[1], { from: 'ada', sender: 1 });
    assert.deepEqual(tabs.flatMap(({ problems }) => problems), []);
  }));
