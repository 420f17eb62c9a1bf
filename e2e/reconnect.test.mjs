// A server that crashes and comes back, and one that is asked to end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inHouse } from './harness/house.mjs';
import { until } from './harness/time.mjs';
import { verifyMedia } from './harness/verify.mjs';

/** Grows with the page's waits between attempts, which double up to some seconds. */
const BACK_MAX_MS = 40_000;

test('after a crash and a restart the call comes back by itself', { timeout: 180_000 }, () =>
  inHouse({}, async (house) => {
    const [ada, bob] = await Promise.all([1, 2].map((sender) => house.tab(sender)));
    await ada.join(house.server, { name: 'ada' });
    await bob.join(house.server, { name: 'bob' });
    await verifyMedia(bob, { from: 'ada', sender: 1 });
    await house.server.kill();
    await ada.untilState('reconnecting');
    const restarted = performance.now();
    await house.server.launch();
    for (const tab of [ada, bob]) {
      await until(`${tab.name} joined again`, async () => (await tab.state()).joins === 2, BACK_MAX_MS);
      await tab.untilState('connected');
    }
    console.log(`# both were back ${Math.round(performance.now() - restarted)} ms after the restart began`);
    await verifyMedia(bob, { from: 'ada', sender: 1 });
    await verifyMedia(ada, { from: 'bob', sender: 2 });
  }));

test('SIGTERM lets the call go on until the deadline, then says goodbye', { timeout: 120_000 }, () =>
  inHouse({ environment: { DRAIN_TIMEOUT: '6' } }, async (house) => {
    const [ada, bob, late] = await Promise.all([house.tab(1), house.tab(2), house.viewerTab()]);
    await ada.join(house.server, { name: 'ada' });
    await bob.join(house.server, { name: 'bob' });
    await verifyMedia(bob, { from: 'ada', sender: 1 });
    const asked = performance.now();
    house.server.signal('SIGTERM');
    await until('the page says that the server drains', () => notifications(ada, 'serverDraining').then(({ length }) => length > 0));
    assert.equal(await house.server.isReady(), false, 'a server that drains is not ready');
    const refused = await fetchRefusal(late, house.server);
    assert.equal(refused, 'draining');
    // The call goes on.
    await verifyMedia(bob, { from: 'ada', sender: 1 });
    const ended = await house.server.exited;
    console.log(`# ended ${Math.round(performance.now() - asked)} ms after SIGTERM, with ${JSON.stringify(ended)}`);
    assert.deepEqual(ended, { code: 0, signal: null });
    for (const tab of [ada, bob]) {
      const [goodbye] = await notifications(tab, 'goodbye');
      assert.equal(goodbye?.reason, 'server-shutdown');
      assert.equal(goodbye.reconnect, true);
    }
  }));

/** The data of all notifications of a name that a tab got. */
function notifications(tab, method) {
  return tab.evaluate((wanted) => window.probe.received.map(({ text }) => JSON.parse(text)).filter((one) => one.notification && one.method === wanted).map(({ data }) => data), method);
}

/** Why the server does not take another participant: from the answer to `join`, or from its goodbye. */
async function fetchRefusal(tab, server) {
  await tab.open(server, { name: 'late', mic: '0', cam: '0' }).catch(() => {});
  return until('a refusal', () =>
    tab.evaluate(() => {
      for (const { text } of window.probe?.received ?? []) {
        const { response, ok, error, notification, method, data } = JSON.parse(text);
        if (response && !ok) return error;
        if (notification && method === 'goodbye') return data.reason;
      }
      return null;
    }));
}
