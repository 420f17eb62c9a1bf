// A viewer on a bad network: loss that is no congestion, and a link that narrows and widens again.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { runInNamespace } from './harness/namespace.mjs';

for (const what of ['loss', 'rate']) {
  test(`a viewer behind a link: ${what}`, { timeout: 240_000 }, async () => {
    assert.equal(await runInNamespace(path.join(import.meta.dirname, 'network_call.mjs'), [what]), 0);
  });
}
