// The server of this project, as the tests in browsers start it.
import { Server } from '../../harness/server.mjs';

export const name = 'corelay';

export const missing = async () => (process.env.CORELAY_BIN ? null : 'CORELAY_BIN does not name the server: `cargo xtask quality` builds it and sets it');

/** `origins`: where the pages come from. */
export async function start(ip, origins) {
  const environment = { RTC_LISTEN_IPS: ip, LISTEN_IP: ip, ALLOWED_ORIGINS: origins.join(','), LOG_LEVEL: 'warn' };
  const server = await Server.start({ host: ip, environment });
  return {
    version: process.env.CORELAY_COMMIT ?? 'as it is built',
    /** What a page is told; `who` is its name in the call. */
    address: (who) => ({ url: `ws://${ip}:${server.port}/ws`, token: server.token({ sub: who, name: who }) }),
    log: () => server.log,
    stop: () => server.stop(),
  };
}
