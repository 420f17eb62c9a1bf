// Firefox sends three sizes, Chromium chooses one after the other; firefox_layers.test.mjs runs it.
import assert from 'node:assert/strict';
import { inHouse } from './harness/house.mjs';
import { NAMESPACE_ADDRESS } from './harness/namespace.mjs';
import { sleep, until } from './harness/time.mjs';

const WATCH_MS = 2_000;
/** The page asks Firefox's fake camera for 640 points. */
const WIDTHS = { low: 160, medium: 320, high: 640 };

await inHouse({ environment: { RTC_LISTEN_IPS: NAMESPACE_ADDRESS } }, async (house) => {
  const [ada, fox] = [await house.tab(1), await house.firefoxTab()];
  await ada.join(house.server, { name: 'ada', cam: '0', mic: '0' });
  await fox.join(house.server, { name: 'fox', layers: 'simulcast' });
  const video = await ada.consumer('fox', 'video');
  // Its fake camera has one colour, that changes: no bar code, but sizes and frames.
  for (const choice of ['high', 'low', 'medium', 'high']) {
    await ada.evaluate(([id, wanted]) => window.corelay.choose(id, wanted), [video.id, choice]);
    let width;
    await until(() => `${WIDTHS[choice]} points for ${choice}, but ${width}`, async () => (width = (await ada.look(video.id))?.width) === WIDTHS[choice], 10_000);
    const before = await ada.numbers(video.id);
    await sleep(WATCH_MS);
    const after = await ada.numbers(video.id);
    console.log(`# Firefox, ${choice}: ${width} wide, ${after.framesDecoded - before.framesDecoded} frames, ${after.freezeCount} freezes`);
    assert.ok(after.framesDecoded - before.framesDecoded > (WATCH_MS / 1000) * 5);
  }
  for (const tab of [ada, fox]) await tab.click('leave');
  await house.server.untilEmpty();
});
process.exit(0);
