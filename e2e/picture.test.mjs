// The measuring tools themselves, without a server: two connections inside one page.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Chromium } from './harness/chromium.mjs';
import { Firefox } from './harness/firefox.mjs';
import { pitchHz, writeMedia } from './harness/media.mjs';
import { FRAMES, HEIGHT, WIDTH, lumaOf, psnr, readBarcode } from './harness/picture.mjs';
import { until } from './harness/time.mjs';

const SENDER = 3;
let directory, chromium, site;

before(async () => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'corelay-e2e-'));
  site = http.createServer((_, answer) => answer.setHeader('content-type', 'text/html').end('<!doctype html><title>probe</title>'));
  await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));
  chromium = await Chromium.launch({ media: writeMedia(directory, SENDER), args: ['--allow-loopback-in-peer-connection'] });
});

after(async () => {
  await chromium?.close();
  site?.close();
  fs.rmSync(directory, { recursive: true, force: true });
});

test('a frame is known by its bar code, and its neighbours are not it', () => {
  for (const sender of [1, 2, 3]) {
    for (let frame = 0; frame < FRAMES; frame += 7) {
      const luma = lumaOf(sender, frame, WIDTH, HEIGHT, FRAMES);
      assert.deepEqual(readBarcode(luma, WIDTH, HEIGHT), { sender, frame });
      assert.equal(psnr(luma, luma, WIDTH, HEIGHT), 99);
      const distant = lumaOf(sender, (frame + 10) % FRAMES, WIDTH, HEIGHT, FRAMES);
      assert.ok(psnr(luma, distant, WIDTH, HEIGHT) < 20, `${psnr(luma, distant, WIDTH, HEIGHT)} dB against another moment`);
    }
  }
  assert.equal(readBarcode(new Uint8Array(WIDTH * HEIGHT).fill(128), WIDTH, HEIGHT), null);
});

test('camera, encoder, decoder and canvas give the source back', async () => {
  const tab = await chromium.tab();
  await tab.visit(`http://127.0.0.1:${site.address().port}/`);
  await tab.evaluate(connectToItself);
  const look = await until('a picture near its source', async () => {
    const seen = await tab.evaluate(() => window.probe.look(window.received.video));
    return seen?.sender === SENDER && seen.psnr > 30 && seen;
  });
  const sound = await tab.evaluate(() => window.probe.listen(window.received.audio, 1_500));
  console.log(`# PSNR ${look.psnr.toFixed(1)} dB at ${look.width}x${look.height}, ${sound.hz.toFixed(0)} Hz at ${sound.db.toFixed(0)} dB`);
  assert.ok(Math.abs(sound.hz - pitchHz(SENDER)) < 60, `${sound.hz} Hz`);
  const later = await until('another frame', async () => {
    const seen = await tab.evaluate(() => window.probe.look(window.received.video));
    return seen?.frame !== look.frame && seen;
  });
  assert.equal(later.sender, SENDER);
  const numbers = await tab.evaluate(() => window.probe.numbers(window.received.audio));
  assert.ok(numbers.totalAudioEnergy > 0, JSON.stringify(numbers));
});

test('Firefox can be driven and probed in the same way', async () => {
  const firefox = await Firefox.launch();
  try {
    const tab = await firefox.tab();
    await tab.evaluate(() => 1);
    await tab.visit(`http://127.0.0.1:${site.address().port}/`);
    await tab.evaluate(connectToItself);
    const first = await until('a picture', async () => {
      const numbers = await tab.evaluate(() => window.received.video && window.probe.numbers(window.received.video));
      return numbers?.framesDecoded > 10 && numbers;
    });
    const look = await tab.evaluate(() => window.probe.look(window.received.video));
    console.log(`# Firefox decoded ${first.framesDecoded} frames of ${look.width}x${look.height}`);
    assert.ok(look.width > 0);
  } finally {
    await firefox.close();
  }
});

async function connectToItself() {
  const [a, b] = [new RTCPeerConnection(), new RTCPeerConnection()];
  a.onicecandidate = ({ candidate }) => candidate && b.addIceCandidate(candidate);
  b.onicecandidate = ({ candidate }) => candidate && a.addIceCandidate(candidate);
  window.received = {};
  b.ontrack = ({ track }) => {
    window.received[track.kind] = track;
    const element = document.body.appendChild(document.createElement(track.kind));
    Object.assign(element, { srcObject: new MediaStream([track]), autoplay: true, muted: track.kind === 'video', playsInline: true });
  };
  const stream = await navigator.mediaDevices.getUserMedia({ video: { height: 360 }, audio: true });
  for (const track of stream.getTracks()) a.addTrack(track, stream);
  await a.setLocalDescription();
  await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription();
  await a.setRemoteDescription(b.localDescription);
}
