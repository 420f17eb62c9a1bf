// Firefox sends three sizes, Chromium chooses one after the other; firefox_layers.test.mjs runs it.
import assert from 'node:assert/strict';
import { inHouse } from './harness/house.mjs';
import { NAMESPACE_ADDRESS } from './harness/namespace.mjs';
import { sleep, until } from './harness/time.mjs';

const WATCH_MS = 2_000;

await inHouse({ environment: { RTC_LISTEN_IPS: NAMESPACE_ADDRESS } }, async (house) => {
  const [ada, fox] = [await house.tab(1), await house.firefoxTab()];
  await ada.join(house.server, { name: 'ada', cam: '0', mic: '0' });
  await fox.join(house.server, { name: 'fox', layers: 'simulcast' });
  const video = await ada.consumer('fox', 'video');
  const widths = {};
  // Its fake camera has one colour, that changes: no bar code, but sizes and frames.
  for (const choice of ['high', 'low', 'medium', 'high']) {
    await ada.evaluate(([id, wanted]) => window.corelay.choose(id, wanted), [video.id, choice]);
    const isOther = async () => {
      const width = (await ada.look(video.id))?.width;
      return width > 0 && (widths[choice] === width || !Object.values(widths).includes(width)) && width;
    };
    widths[choice] = await until(() => `another size for ${choice}: ${JSON.stringify(widths)}`, isOther, 10_000);
    const before = await ada.numbers(video.id);
    await sleep(WATCH_MS);
    const after = await ada.numbers(video.id);
    console.log(`# Firefox, ${choice}: ${widths[choice]} wide, ${after.framesDecoded - before.framesDecoded} frames, ${after.freezeCount} freezes`);
    assert.ok(after.framesDecoded - before.framesDecoded > (WATCH_MS / 1000) * 5);
  }
  assert.deepEqual([widths.low * 4, widths.medium * 2], [widths.high, widths.high]);
  for (const tab of [ada, fox]) await tab.click('leave');
  await house.server.untilEmpty();
});
process.exit(0);
