// Someone who gives the page no camera: the browser then hides its addresses, and sends only `.local` names.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inHouse } from './harness/house.mjs';
import { selectedPath } from './harness/calls.mjs';
import { verifyMedia } from './harness/verify.mjs';

test('a viewer without camera permission sees and hears the others', { timeout: 120_000 }, () =>
  inHouse({}, async (house) => {
    const [ada, viewer] = [await house.tab(1), await house.viewerTab()];
    await ada.join(house.server, { name: 'ada' });
    await viewer.join(house.server, { name: 'viewer', mic: '0', cam: '0' });
    await verifyMedia(viewer, { from: 'ada', sender: 1, codec: 'vp8' });
    const paths = await viewer.evaluate(selectedPath);
    console.log(`# the viewer's paths: ${JSON.stringify(paths)}`);
    const offered = await viewer.evaluate(() => window.probe.connections.flatMap(({ localDescription }) => localDescription?.sdp.match(/a=candidate.*/g) ?? []));
    assert.ok(offered.length > 0 && offered.every((line) => line.includes('.local')), `not hidden: ${offered.join('\n')}`);
    assert.equal((await ada.consumers()).length, 0);
  }));
