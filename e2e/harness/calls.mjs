// Calls that several tests make.
import { verifyMedia } from './verify.mjs';

/** Two Chromium tabs that see and hear each other, then leave; `look` sees each tab during the call. */
export async function twoTabs(house, look = async () => {}) {
  const [ada, bob] = await Promise.all([1, 2].map((sender) => house.tab(sender)));
  await ada.join(house.server, { name: 'ada' });
  await bob.join(house.server, { name: 'bob' });
  await verifyMedia(ada, { from: 'bob', sender: 2, codec: 'vp8' });
  await verifyMedia(bob, { from: 'ada', sender: 1, codec: 'vp8' });
  for (const tab of [ada, bob]) {
    await look(tab);
    await tab.click('leave');
  }
  await house.server.untilEmpty();
}

/** In the page: the addresses of the candidate pairs in use. */
export async function selectedPath() {
  const paths = [];
  for (const connection of window.probe.connections.filter(({ connectionState }) => connectionState === 'connected')) {
    const stats = await connection.getStats();
    const transport = [...stats.values()].find(({ type }) => type === 'transport');
    const pair = stats.get(transport?.selectedCandidatePairId);
    const [local, remote] = [stats.get(pair?.localCandidateId), stats.get(pair?.remoteCandidateId)];
    paths.push({ local: local?.address, localType: local?.candidateType, remote: remote?.address, srtp: transport?.srtpCipher, dtls: transport?.tlsVersion });
  }
  return paths;
}
