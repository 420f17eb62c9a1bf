// Firefox and Chromium in one call; firefox.test.mjs runs it.
import assert from 'node:assert/strict';
import { inHouse } from './harness/house.mjs';
import { NAMESPACE_ADDRESS } from './harness/namespace.mjs';
import { sleep, until } from './harness/time.mjs';
import { verifyMedia } from './harness/verify.mjs';

const WATCH_MS = 3_000;

await inHouse({ environment: { RTC_LISTEN_IPS: NAMESPACE_ADDRESS } }, async (house) => {
  const [ada, fox] = [await house.tab(1), await house.firefoxTab()];
  await ada.join(house.server, { name: 'ada' });
  await fox.join(house.server, { name: 'fox' });
  await verifyMedia(fox, { from: 'ada', sender: 1, codec: 'vp8', pitch: false });
  await verifyFake(ada, 'fox');
  for (const tab of [ada, fox]) await tab.click('leave');
  await house.server.untilEmpty();
});
// A pipe to a browser that is gone may keep the loop alive.
process.exit(0);

/** Firefox's own fake camera shows one colour that changes, and its microphone a tone: no bar code, but life. */
async function verifyFake(tab, from) {
  const video = await tab.consumer(from, 'video');
  const audio = await tab.consumer(from, 'audio');
  await until('a picture of Firefox', async () => (await tab.look(video.id))?.width > 0);
  const before = { video: await tab.numbers(video.id), audio: await tab.numbers(audio.id) };
  await sleep(WATCH_MS);
  const after = { video: await tab.numbers(video.id), audio: await tab.numbers(audio.id) };
  const frames = after.video.framesDecoded - before.video.framesDecoded;
  const energy = after.audio.totalAudioEnergy - before.audio.totalAudioEnergy;
  const { width, height } = await tab.look(video.id);
  console.log(`# ${tab.name} <- ${from}: ${video.codec} ${width}x${height}, ${frames} frames in ${WATCH_MS} ms, audio energy ${energy.toExponential(1)}`);
  assert.ok(frames > WATCH_MS / 1000 * 5, `${frames} frames`);
  assert.ok(energy > 1e-6, `audio energy ${energy}`);
}
