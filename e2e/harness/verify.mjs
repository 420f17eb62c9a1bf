// What "they see and hear each other" means, in numbers.
import assert from 'node:assert/strict';
import { pitchHz } from './media.mjs';
import { FPS, FRAMES } from './picture.mjs';
import { sleep, until } from './time.mjs';

/** A picture of another moment gives below 20 dB; what the four codecs gave on a busy machine of two cores was 37.8 to 48.3. */
const PSNR_MIN_DB = 30;
/** How long a track is watched. */
const WATCH_MS = 2_500;
const LOOKS = 8;
/** Of the source's rate: two cores that encode and decode for several tabs drop frames; a picture that stands gives 0. */
const FRAME_RATE_MIN = FPS * 0.3;
/** What people begin to notice is 45 to 125 ms (ITU-R BT.1359); what is measured here has a resolution of one statistics update. */
const LIP_SYNC_MAX_MS = 200;
const LIP_SYNC_SETTLE_MS = 12_000;
const PITCH_TOLERANCE_HZ = 60;

/**
 * Watches the video and hears the audio that a tab receives from a participant. Gives and prints what was measured. Without `pitch`
 * the voice is only heard, not told from others: Firefox analyses no sound on a machine without a sound device.
 */
export async function verifyMedia(tab, { from, sender, codec, pitch: hasPitch = true }) {
  const video = await tab.consumer(from, 'video');
  const audio = await tab.consumer(from, 'audio');
  await untilRightPicture(tab, video, sender);
  const before = { video: await tab.numbers(video.id), audio: await tab.numbers(audio.id) };
  const [looks, pitch] = await Promise.all([watch(tab, video), hasPitch ? tab.listen(audio.id, WATCH_MS) : null]);
  const after = { video: await tab.numbers(video.id), audio: await tab.numbers(audio.id) };
  const result = {
    codec: video.codec,
    size: `${looks[0].width}x${looks[0].height}`,
    ...judgeLooks(looks, sender),
    fps: ((after.video.framesDecoded - before.video.framesDecoded) * 1000) / looks.elapsedMs,
    audioEnergy: after.audio.totalAudioEnergy - before.audio.totalAudioEnergy,
    pitch,
    lipSyncMs: await lipSync(tab, audio, video),
    lost: after.video.packetsLost + after.audio.packetsLost,
    freezes: after.video.freezeCount,
  };
  console.log(`# ${tab.name} <- ${from}: ${describe(result)}`);
  judge(result, { sender, codec });
  return result;
}

/** Waits for a picture of a sender that is like its source: an encoder starts with a low rate. */
export async function untilRightPicture(tab, consumer, sender, limitMs = 15_000) {
  let seen;
  const what = () => `${tab.name} sees the picture of sender ${sender}, not ${JSON.stringify(seen)}`;
  return until(what, async () => (seen = await tab.look(consumer.id))?.sender === sender && seen.psnr >= PSNR_MIN_DB, limitMs);
}

async function watch(tab, video) {
  const looks = [];
  const started = performance.now();
  for (let n = 0; n < LOOKS; n++) {
    looks.push(await tab.look(video.id));
    // Not a multiple of the film's frame time, so that the looks do not fall on the same phase of it.
    await sleep(Math.max(0, started + ((n + 1) * WATCH_MS) / LOOKS - performance.now()));
  }
  looks.elapsedMs = performance.now() - started;
  return looks;
}

function judgeLooks(looks, sender) {
  const whole = looks.filter((look) => look?.sender === sender);
  assert.ok(whole.length >= LOOKS - 1, `the bar code was read in ${whole.length} of ${LOOKS} looks: ${JSON.stringify(looks)}`);
  const steps = whole.slice(1).map(({ frame }, n) => (frame - whole[n].frame + FRAMES) % FRAMES);
  const psnrs = whole.map(({ psnr }) => psnr);
  return { psnrMin: Math.min(...psnrs), psnrMean: psnrs.reduce((a, b) => a + b) / psnrs.length, steps };
}

/**
 * How far sound and picture are apart: the first number within the bound, or the last one outside it. It is known when a sender
 * report of both has arrived (Chromium sends that of audio every 5 s), and the receiver then moves by 80 ms a second at most.
 */
async function lipSync(tab, audio, video) {
  let ms = null;
  const isIn = async () => {
    ms = await tab.lipSyncMs(audio.id, video.id);
    return ms !== null && Math.abs(ms) < LIP_SYNC_MAX_MS;
  };
  await until('lip-sync', isIn, LIP_SYNC_SETTLE_MS).catch(() => {});
  return ms;
}

function judge(result, { sender, codec }) {
  if (codec) assert.equal(result.codec?.toLowerCase(), `video/${codec}`);
  assert.ok(result.psnrMin >= PSNR_MIN_DB, `PSNR ${result.psnrMin.toFixed(1)} dB is below ${PSNR_MIN_DB}`);
  // Half of the film at most between two looks: more would be a step back.
  assert.ok(result.steps.every((step) => step > 0 && step < FRAMES / 2), `frame numbers do not advance: ${result.steps}`);
  assert.ok(result.fps >= FRAME_RATE_MIN, `${result.fps.toFixed(1)} frames decoded a second`);
  assert.ok(result.audioEnergy > 1e-6, `audio energy ${result.audioEnergy}`);
  if (result.pitch) assert.ok(Math.abs(result.pitch.hz - pitchHz(sender)) < PITCH_TOLERANCE_HZ, `the voice has ${result.pitch.hz} Hz, not ${pitchHz(sender)}`);
  assert.ok(result.lipSyncMs !== null && Math.abs(result.lipSyncMs) < LIP_SYNC_MAX_MS, `lip-sync is off by ${result.lipSyncMs} ms`);
}

function describe({ codec, size, psnrMin, psnrMean, fps, audioEnergy, pitch, lipSyncMs, lost, freezes }) {
  const sync = lipSyncMs === null ? 'not known' : `${lipSyncMs.toFixed(0)} ms`;
  return `${codec} ${size}, PSNR ${psnrMin.toFixed(1)} dB at least, ${psnrMean.toFixed(1)} on average, ${fps.toFixed(1)} fps, ` +
    `audio energy ${audioEnergy.toExponential(1)} at ${pitch?.hz.toFixed(0) ?? '?'} Hz, lip-sync ${sync}, ${lost} lost, ${freezes} freezes`;
}
