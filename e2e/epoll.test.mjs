// The same call over the fallback back-end.
import { test } from 'node:test';
import { inHouse } from './harness/house.mjs';
import { twoTabs } from './harness/calls.mjs';

test('two tabs over epoll', { timeout: 120_000 }, () => inHouse({ environment: { IO_BACKEND: 'epoll' } }, (house) => twoTabs(house)));
