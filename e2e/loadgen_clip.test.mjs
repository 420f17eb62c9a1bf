// Someone who opens the page in a room under load sees the generator's picture: real video, whose frames count up.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { inHouse } from './harness/house.mjs';
import { FRAMES } from './harness/picture.mjs';
import { sleep, until } from './harness/time.mjs';
import { untilRightPicture } from './harness/verify.mjs';

/** Whom the bar code of the generator's picture names; loadgen/src/clip/picture.rs. */
const SENDER = 7;
const FPS = 20;
const LOOKS = 5;
const LOOK_MS = 400;

/** The generator with two participants, of whom one publishes; it is ended by the test. */
function generate(server) {
  const generator = process.env.CORELAY_LOADGEN;
  if (!generator) throw new Error('CORELAY_LOADGEN must be the path of corelay-loadgen; `cargo xtask test --only browser` sets it');
  const url = `${server.origin.replace('http', 'ws')}/ws`;
  const sets = ['participants=2', 'video.picture=clip', 'video.bitrate=1 Mbit/s', `video.fps=${FPS}`, 'video.packet_size=1200 B', 'audio=false'];
  const parameters = ['run', 'livestream', '--room', 'test', '--url', url, '--seconds', '60', '--quiet', ...sets.flatMap((one) => ['--set', one])];
  const child = spawn(generator, parameters, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, JWT_SECRET: server.environment.JWT_SECRET } });
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => said.push(data));
  const ended = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  return { child, ended, said: () => said.join('') };
}

test('a browser sees the picture of the load generator', { timeout: 90_000 }, () =>
  inHouse({}, async (house) => {
    const generator = generate(house.server);
    try {
      const viewer = await house.viewerTab();
      await viewer.join(house.server, { name: 'viewer', mic: '0', cam: '0' });
      const what = () => `a video of the generator: ${generator.said()}`;
      const video = await until(what, async () => (await viewer.consumers()).find(({ kind }) => kind === 'video'));
      await untilRightPicture(viewer, video, SENDER);
      const looks = [await viewer.look(video.id)];
      for (let n = 0; n < LOOKS; n++) {
        await sleep(LOOK_MS);
        looks.push(await viewer.look(video.id));
      }
      const steps = looks.slice(1).map(({ frame }, n) => (frame - looks[n].frame + FRAMES) % FRAMES);
      const { framesDecoded, codec } = { ...(await viewer.numbers(video.id)), codec: video.codec };
      console.log(`# ${codec} ${looks[0].width}x${looks[0].height}, PSNR ${Math.min(...looks.map(({ psnr }) => psnr)).toFixed(1)} dB at least, ${framesDecoded} frames decoded, steps of ${steps.join(', ')} frames in ${LOOK_MS} ms`);
      assert.equal(codec?.toLowerCase(), 'video/h264');
      assert.ok(steps.every((step) => step > 0 && step < FRAMES / 2), `frame numbers do not advance: ${steps}`);
      await viewer.click('leave');
    } finally {
      generator.child.kill('SIGINT');
    }
    assert.equal(await generator.ended, 130, generator.said());
    await house.server.untilEmpty(40_000);
  }));
