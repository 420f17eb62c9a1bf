// What "the layer was switched" means, in numbers.
import assert from 'node:assert/strict';
import { FPS, FRAMES, LARGE } from './picture.mjs';
import { sleep, until } from './time.mjs';

/** Widths of the three sizes of a `LARGE` film. */
export const LAYERS = { low: LARGE.width / 4, medium: LARGE.width / 2, high: LARGE.width };
/** The smallest picture, drawn four times as wide, is blurred; a picture of another moment gives below 20 dB. */
const PSNR_MIN_DB = { low: 22, medium: 26, high: 30 };
/** Down at once, up with the keyframe that is asked for; the rest is room for a busy machine. */
const SWITCH_MAX_MS = 6_000;
const WATCH_MS = 1_500;
const LOOK_EVERY_MS = 40;

/** Has a tab choose one size after the other, and watches every frame that it can. */
export async function judgeLayers(tab, { from, sender, codec, order }) {
  const video = await tab.consumer(from, 'video');
  await until('the picture', async () => (await tab.look(video.id))?.sender === sender, 20_000);
  for (const choice of order) {
    const before = await tab.numbers(video.id);
    const asked = performance.now();
    await tab.evaluate(([id, wanted]) => window.corelay.choose(id, wanted), [video.id, choice]);
    const { looks, switchedMs } = await watchSwitch(tab, video, LAYERS[choice], asked);
    const now = await tab.numbers(video.id);
    const received = await receivedOf(tab, video);
    const result = {
      switchedMs, steps: stepsOf(looks, sender),
      psnr: Math.min(...looks.filter(({ width }) => width === LAYERS[choice]).slice(2).map(({ psnr }) => psnr ?? 0)),
      freezes: now.freezeCount - before.freezeCount, keyFrames: now.keyFramesDecoded - before.keyFramesDecoded, why: received?.why, layers: received?.layers,
    };
    console.log(`# ${codec} ${choice}: ${JSON.stringify(result)}`);
    judge(result, choice);
  }
}

/** Looks from the request until a while after the picture has its new size. */
async function watchSwitch(tab, video, width, asked) {
  const looks = [];
  let switchedMs;
  for (let end = asked + SWITCH_MAX_MS; performance.now() < end; await sleep(LOOK_EVERY_MS)) {
    const look = await tab.look(video.id);
    if (look) looks.push(look);
    if (switchedMs !== undefined || look?.width !== width) continue;
    switchedMs = Math.round(performance.now() - asked);
    end = performance.now() + WATCH_MS;
  }
  assert.ok(switchedMs !== undefined, `the picture is ${looks.at(-1)?.width} wide after ${SWITCH_MAX_MS} ms, not ${width}: ${JSON.stringify(await receivedOf(tab, video))}`);
  return { looks, switchedMs };
}

const receivedOf = (tab, video) => tab.evaluate((id) => window.corelay.consumers.find((one) => one.id === id)?.received, video.id);

/** Frames from one look to the next, of those that show another frame. */
function stepsOf(looks, sender) {
  const numbers = looks.filter((look) => look.sender === sender).map(({ frame }) => frame);
  return numbers.slice(1).map((frame, n) => (frame - numbers[n] + FRAMES) % FRAMES).filter((step) => step > 0);
}

function judge({ steps, psnr, freezes }, choice) {
  assert.equal(freezes, 0, 'the picture froze');
  assert.ok(steps.length > 10, `${steps.length} frames were seen`);
  // A step back by one shows as a step of nearly the whole film.
  assert.ok(steps.every((step) => step < FPS), `frame numbers do not go on: ${steps}`);
  assert.ok(psnr >= PSNR_MIN_DB[choice], `PSNR ${psnr.toFixed(1)} dB is below ${PSNR_MIN_DB[choice]}`);
}
