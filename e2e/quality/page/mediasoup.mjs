// mediasoup behind the line protocol of bench/peers/mediasoup/server.mjs, whose lines a WebSocket carries.
import * as device from './device.mjs';
import { Requests } from './requests.mjs';

export async function publish({ url }, stream, encodings) {
  const { signal, getStats, producers } = await device.publish(open(url), stream, encodings);
  return { getStats, found: { producers: producers.map(({ id }) => id) }, close: signal.close };
}

export async function view({ url, producers }, onTrack) {
  const { signal, getStats } = await device.view(open(url, producers), onTrack);
  return { getStats, close: signal.close };
}

async function open(url, producers) {
  const requests = await Requests.open(url, [], (message) => message);
  const ask = (method, more = {}) => requests.ask(method, (id) => ({ id, method, ...more }));
  return {
    capabilities: () => ask('capabilities'),
    transport: () => ask('transport'),
    connect: (transport, dtlsParameters) => ask('connect', { transport, dtlsParameters }),
    produce: (transport, kind, rtpParameters) => ask('produce', { transport, kind, rtpParameters }),
    producers: () => producers,
    consume: (transport, producer, rtpCapabilities) => ask('consume', { transport, producer, rtpCapabilities, paused: false }),
    close: () => requests.close(),
  };
}
