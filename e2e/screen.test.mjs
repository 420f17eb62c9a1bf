// Screen sharing: a second video of the same participant, beside the camera, until it is stopped.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inHouse } from './harness/house.mjs';
import { until } from './harness/time.mjs';

const decoded = async (tab, consumer) => (await tab.numbers(consumer.id))?.framesDecoded ?? 0;

async function screenOf(tab, from) {
  return (await tab.consumers()).find((one) => one.from === from && one.source === 'screen');
}

test('a shared screen is seen beside the camera, and goes when it is stopped', { timeout: 120_000 }, () =>
  inHouse({}, async (house) => {
    const [ada, bob] = await Promise.all([1, 2].map((sender) => house.tab(sender)));
    await ada.join(house.server, { name: 'ada' });
    await bob.join(house.server, { name: 'bob' });
    await bob.consumer('ada', 'video');
    await ada.click('toggle-screen');
    const screen = await until(() => `bob receives the screen of ada; ${ada.problems}`, () => screenOf(bob, 'ada'));
    await until('frames of the screen decode', async () => (await decoded(bob, screen)) >= 5);
    const shown = await bob.evaluate(() => document.querySelector('video[data-source="screen"]')?.videoWidth);
    console.log(`# the screen is shown ${shown} pixels wide, as ${screen.codec}`);
    assert.ok(shown > 0, 'the page has a tile with the screen');
    await ada.click('toggle-screen');
    await until('the screen goes', async () => !(await screenOf(bob, 'ada')));
    const camera = await bob.consumer('ada', 'video');
    const before = await decoded(bob, camera);
    await until('the camera goes on', async () => (await decoded(bob, camera)) > before + 5);
    assert.deepEqual([...ada.problems, ...bob.problems], [], 'the pages print no errors');
    for (const tab of [ada, bob]) await tab.click('leave');
    await house.server.untilEmpty();
  }));
