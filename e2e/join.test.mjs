// Who joins a call that is on has a picture at once: from the call of the function that joins, with nothing open yet, to the first frame
// that the browser presents. The page is that of the measurement (quality/page).
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Chromium } from './harness/chromium.mjs';
import { writeMedia } from './harness/media.mjs';
import { sleep, until } from './harness/time.mjs';
import * as corelay from './quality/peers/corelay.mjs';
import { CAMERA, SETTLE_MS } from './quality/script.mjs';
import { openSite } from './quality/site.mjs';

const HOST = '127.0.0.1';
const JOINS = 8;
/**
 * Of the fastest: whatever else the machine does only adds to it. Two cores that encode the call and decode it for another viewer gave 63 ms
 * (93 in the middle) at rest, 103 while they did other work. Without the two things that this is about (media waits for no nomination, which
 * browsers send 50 ms after the first check; the keyframe is asked for while the transport connects) it was 124 ms (142), and 171.
 */
const FASTEST_MAX_MS = 115;

test('a joiner has its first frame at once', { timeout: 120_000 }, async () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'corelay-join-'));
  const site = await openSite();
  const args = ['--allow-loopback-in-peer-connection'];
  const browsers = await Promise.all([Chromium.launch({ media: writeMedia(directory, 1, { size: CAMERA }), args }), Chromium.launch({ args })]);
  const server = await corelay.start(HOST, [site.origin(HOST)]);
  try {
    const visit = async (browser) => {
      const tab = await browser.tab();
      await tab.visit(`${site.origin(HOST)}/`);
      await until('the page', () => tab.evaluate(() => Boolean(window.quality)));
      return tab;
    };
    const view = (tab, who) => tab.evaluate((address) => window.quality.view('corelay', address), server.address(who));
    const publisher = await visit(browsers[0]);
    await publisher.evaluate(([address, camera]) => window.quality.publish('corelay', address, camera), [server.address('publisher'), CAMERA]);
    await sleep(SETTLE_MS);
    await view(await visit(browsers[1]), 'viewer');
    const first = [];
    for (let n = 0; n < JOINS; n++) {
      const tab = await visit(browsers[1]);
      // The page is there, and rests, as one that somebody clicks in.
      await sleep(500);
      first.push((await view(tab, `joiner-${n}`)).first);
      await tab.evaluate(() => window.quality.close());
      await tab.close();
    }
    first.sort((a, b) => a - b);
    console.log(`# a joiner's first frame after ${first.map(Math.round).join(', ')} ms`);
    assert.ok(first[0] <= FASTEST_MAX_MS, `the first frame took ${first.map(Math.round)} ms`);
  } finally {
    await Promise.allSettled(browsers.map((browser) => browser.close()));
    await server.stop();
    site.close();
    fs.rmSync(directory, { recursive: true, force: true });
  }
});
