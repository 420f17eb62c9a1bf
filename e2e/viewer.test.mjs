// Someone who gives the page no camera: the browser then hides its addresses, and sends only `.local` names.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inHouse } from './harness/house.mjs';
import { selectedPath } from './harness/calls.mjs';
import { until } from './harness/time.mjs';
import { verifyMedia } from './harness/verify.mjs';

// The browser publishes a name by multicast before it offers a candidate of that name; media may run long before, since
// it is the browser that opens the path (RFC 8445 section 7.3.1.3: the server learns the address from its check).
const NAMED_MS = 30_000;

test('a viewer without camera permission sees and hears the others', { timeout: 120_000 }, () =>
  inHouse({}, async (house) => {
    const [ada, viewer] = [await house.tab(1), await house.viewerTab()];
    await ada.join(house.server, { name: 'ada' });
    await viewer.join(house.server, { name: 'viewer', mic: '0', cam: '0' });
    await verifyMedia(viewer, { from: 'ada', sender: 1, codec: 'vp8' });
    const paths = await viewer.evaluate(selectedPath);
    console.log(`# the viewer's paths: ${JSON.stringify(paths)}`);
    const offered = await until('a local candidate', () => localCandidates(viewer), NAMED_MS);
    assert.ok(
      offered.every((line) => line.includes('.local')),
      `not hidden: ${offered.join('\n')}`,
    );
    assert.equal((await ada.consumers()).length, 0);
  }));

/** The lines of candidates in the page's own descriptions, or nothing while there are none. */
async function localCandidates(tab) {
  const lines = await tab.evaluate(() => window.probe.connections.flatMap(({ localDescription }) => localDescription?.sdp.match(/a=candidate.*/g) ?? []));
  return lines.length > 0 ? lines : undefined;
}
