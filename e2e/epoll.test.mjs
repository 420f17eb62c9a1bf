// The same call over the fallback back-end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { twoTabs } from './harness/calls.mjs';
import { inHouse } from './harness/house.mjs';

test('two tabs over epoll', { timeout: 120_000 }, () =>
  inHouse({ environment: { IO_BACKEND: 'epoll' } }, async (house) => {
    const { shards } = await house.server.stats();
    assert.deepEqual([...new Set(shards.map(({ backend }) => backend))], ['epoll']);
    await twoTabs(house);
  }));
