// A server that is reached by IPv6 alone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inHouse } from './harness/house.mjs';
import { selectedPath, twoTabs } from './harness/calls.mjs';

const ENVIRONMENT = { LISTEN_IP: '::1', RTC_LISTEN_IPS: '::1', ANNOUNCED_IP: '::1' };

test('two tabs over IPv6 loopback', { timeout: 120_000 }, () =>
  inHouse({ environment: ENVIRONMENT, host: '::1' }, (house) =>
    twoTabs(house, async (tab) => {
      const paths = await tab.evaluate(selectedPath);
      console.log(`# ${tab.name}: ${JSON.stringify(paths)}`);
      assert.ok(paths.length > 0 && paths.every(({ remote }) => remote === '::1' || remote === '[::1]'), JSON.stringify(paths));
    })));
