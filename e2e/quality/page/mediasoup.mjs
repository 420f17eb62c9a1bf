// mediasoup behind the line protocol of bench/peers/mediasoup/server.mjs, whose lines a WebSocket carries.
import * as device from './device.mjs';
import { Requests } from './requests.mjs';

export async function publish({ url }, stream, encodings) {
  const signal = await open(url);
  const { getStats, producers } = await device.publish(signal, stream, encodings);
  return { getStats, found: { producers: producers.map(({ id }) => id) }, close: signal.close };
}

export async function view({ url, producers }, onTrack) {
  const signal = await open(url, producers);
  const { getStats } = await device.view(signal, onTrack);
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
    consume: (transport, producer, rtpCapabilities) => ask('consume', { transport, producer, rtpCapabilities, paused: true }),
    resume: (consumer) => ask('resume', { consumer }),
    close: () => requests.close(),
  };
}
