// The servers that can be measured: each has a `name`, `missing()` (why it cannot be, if so) and `start(ip, origins)`.
import * as corelay from './peers/corelay.mjs';
import * as janus from './peers/janus.mjs';
import * as mediasoup from './peers/mediasoup.mjs';

const ALL = [corelay, janus, mediasoup];

/** Those of `names` that can be measured here; says which cannot. */
export async function available(names) {
  const unknown = names.filter((name) => !ALL.some((peer) => peer.name === name));
  if (unknown.length > 0) throw new Error(`there is no server ${unknown.join(', ')} to measure: ${ALL.map(({ name }) => name).join(', ')}`);
  const chosen = [];
  for (const peer of ALL.filter(({ name }) => names.includes(name))) {
    const why = await peer.missing();
    if (why) console.log(`${peer.name}: left out. ${why}`);
    else chosen.push(peer);
  }
  return chosen;
}
