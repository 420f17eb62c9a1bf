// Takes the README's picture: a call of three with the statistics shown. `node screenshot.mjs FILE`, with CORELAY_BIN set.
import fs from 'node:fs';
import path from 'node:path';
import { inHouse } from './harness/house.mjs';
import { sleep, until } from './harness/time.mjs';

const NAMES = ['Ada', 'Grace', 'Katherine'];
/** Until the rates are those of a call that has run for a while. */
const SETTLE_MS = 8_000;

const file = path.resolve(process.argv[2] ?? 'call.png');
fs.mkdirSync(path.dirname(file), { recursive: true });
await inHouse({ film: { scenery: true } }, async (house) => {
  const tabs = await Promise.all(NAMES.map((_, n) => house.tab(n + 1, { viewport: { width: 1280, height: 800 } })));
  for (const [n, name] of NAMES.entries()) await tabs[n].join(house.server, { name, room: 'weekly-planning' });
  for (const from of NAMES.slice(1)) {
    const { id } = await tabs[0].consumer(from, 'video');
    await until(`the picture of ${from}`, async () => (await tabs[0].look(id))?.width > 0);
  }
  await tabs[0].click('toggle-stats');
  await sleep(SETTLE_MS);
  await tabs[0].page.screenshot({ path: file });
});
console.log(`wrote ${file}`);
