// Firefox and Chromium in one call, in a network namespace: Firefox has no candidate on loopback, and pairs no other with one there.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { runInNamespace } from './harness/namespace.mjs';

test('Firefox and Chromium see and hear each other', { timeout: 180_000 }, async () => {
  assert.equal(await runInNamespace(path.join(import.meta.dirname, 'firefox_call.mjs')), 0);
});
