// mediasoup as the bench and the measurements in browsers drive it: one worker, one router; requests and answers are lines of JSON on
// stdin and stdout. Its argument is JSON as well: {"ip", "ports", "liburing", "initialBitrate"}, each with a default.
//
//   {"id":0,"method":"capabilities"}                                       -> {"id":0,"data":{codecs, headerExtensions}}
//   {"id":1,"method":"transport"}                                          -> {"id":1,"data":{id, iceParameters, iceCandidates, dtlsParameters}}
//   {"id":2,"method":"connect","transport":T,"dtlsParameters":{..}}        -> {"id":2,"data":{}}
//   {"id":3,"method":"produce","transport":T,"kind":K,"rtpParameters":{..}} -> {"id":3,"data":{id}}
//   {"id":4,"method":"consume","transport":T,"producer":P,"rtpCapabilities":{..},"paused":?} -> {"id":4,"data":{id, kind, rtpParameters}}
//   {"id":5,"method":"resume","consumer":C}                                -> {"id":5,"data":{}}
//
// The first line that is written says which process to measure: {"ready":{"pid":..,"version":".."}}. End of input ends it.
import { createInterface } from 'node:readline';

// Standard output belongs to the lines; what the library logs (DEBUG=mediasoup:*) goes beside it.
console.info = console.error;
const mediasoup = await import('mediasoup');

const settings = JSON.parse(process.argv[2] ?? '{}');
const worker = await mediasoup.createWorker({ logLevel: 'warn', disableLiburing: settings.liburing === false });
worker.on('died', () => process.exit(1));
const codecs = [
  { kind: 'audio', mimeType: 'audio/opus', clockRate: 48000, channels: 2 },
  { kind: 'video', mimeType: 'video/VP8', clockRate: 90000 },
];
const router = await worker.createRouter({ mediaCodecs: codecs });
const transports = new Map();
const consumers = new Map();

const find = (id) => {
  const transport = transports.get(id);
  if (!transport) throw new Error(`there is no transport ${id}`);
  return transport;
};

const methods = {
  async capabilities() {
    return router.rtpCapabilities;
  },
  async transport() {
    const listenInfos = [{ protocol: 'udp', ip: settings.ip ?? '127.0.0.1', portRange: settings.ports }];
    const transport = await router.createWebRtcTransport({ listenInfos, initialAvailableOutgoingBitrate: settings.initialBitrate ?? 10_000_000 });
    transports.set(transport.id, transport);
    const { id, iceParameters, iceCandidates, dtlsParameters } = transport;
    return { id, iceParameters, iceCandidates, dtlsParameters };
  },
  async connect({ transport, dtlsParameters }) {
    await find(transport).connect({ dtlsParameters });
    return {};
  },
  async produce({ transport, kind, rtpParameters }) {
    const { id } = await find(transport).produce({ kind, rtpParameters });
    return { id };
  },
  async consume({ transport, producer, rtpCapabilities, paused }) {
    const consumer = await find(transport).consume({ producerId: producer, rtpCapabilities, paused });
    consumers.set(consumer.id, consumer);
    const { id, kind, rtpParameters } = consumer;
    return { id, kind, rtpParameters };
  },
  async resume({ consumer }) {
    await consumers.get(consumer)?.resume();
    return {};
  },
};

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
say({ ready: { pid: worker.pid, version: mediasoup.version } });
for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, ...rest } = JSON.parse(line);
  try {
    say({ id, data: await methods[method](rest) });
  } catch (error) {
    say({ id, error: String(error.message ?? error) });
  }
}
worker.close();
