// A call by the mediasoup-client library, which the clients of Corelay and of mediasoup use unchanged.
//
// What the two servers differ in is `signal`: { capabilities(), join(), transport(direction), connect(id, dtlsParameters),
// produce(id, kind, rtpParameters), producers(), consume(id, producer, rtpCapabilities) }.
//
// Nothing waits for what it does not need: what the browser can do is found out while the WebSocket opens, requests leave together,
// and all tracks are negotiated at once.
import { Device } from 'mediasoup-client';
import { Chrome111 } from 'mediasoup-client/handlers/Chrome111';

/** The browser's own 300 kbit/s would keep the largest size away for the first seconds. */
const START_KBPS = 1_000;

/** `opening`: a promise of the signal. */
export async function publish(opening, stream, encodings) {
  const { signal, device, transport } = await connect(opening, 'send');
  transport.on('produce', ({ kind, rtpParameters }, done, failed) => {
    signal.produce(transport.id, kind, rtpParameters).then(({ id }) => done({ id }), failed);
  });
  const vp8 = device.sendRtpCapabilities.codecs.find(({ mimeType }) => mimeType.toLowerCase() === 'video/vp8');
  const [audio, video] = [stream.getAudioTracks()[0], stream.getVideoTracks()[0]];
  const options = { track: video, codec: vp8, encodings, codecOptions: { videoGoogleStartBitrate: START_KBPS } };
  const producers = [
    // Without `opusNack` the library takes repair out of what a server offers.
    await transport.produce({ track: audio, codecOptions: { opusFec: true, opusNack: true } }),
    await transport.produce(options),
  ];
  return { signal, getStats: () => transport.getStats(), producers, sender: producers[1].rtpSender };
}

/** Receives all that is sent; each track goes to `onTrack` as soon as the browser has it. */
export async function view(opening, onTrack) {
  const { signal, device, transport } = await connect(opening, 'recv');
  // Together: a track that is negotiated alone keeps the next one, and the connection, waiting.
  const offered = await Promise.all(signal.producers().map((producer) => signal.consume(transport.id, producer, device.recvRtpCapabilities)));
  await Promise.all(offered.map(async ({ id, producerId, kind, rtpParameters }) => {
    const consumer = await transport.consume({ id, producerId, kind, rtpParameters, streamId: 'call' });
    onTrack(consumer.track);
  }));
  return { signal, getStats: () => transport.getStats() };
}

async function connect(opening, direction) {
  const loading = Device.factory({ handlerFactory: eager(Chrome111.createFactory()) });
  const signal = await opening;
  const [device, routerRtpCapabilities, , parameters] = await Promise.all([loading, signal.capabilities(), signal.join?.(), signal.transport(direction)]);
  await device.load({ routerRtpCapabilities });
  const { id, iceParameters, iceCandidates, dtlsParameters } = parameters;
  const options = { id, iceParameters, iceCandidates, dtlsParameters };
  const transport = direction === 'send' ? device.createSendTransport(options) : device.createRecvTransport(options);
  transport.on('connect', ({ dtlsParameters: ours }, done, failed) => {
    // The first check may leave before the answer: a server that has not read the request yet answers the next one.
    signal.connect(id, ours).catch(failed);
    done();
  });
  return { signal, device, transport };
}

/** What the browser can do is asked at once, not when the server has told what it can. */
function eager(factory) {
  const known = new Map(['recvonly', 'sendonly'].map((direction) => [direction, factory.getNativeRtpCapabilities({ direction })]));
  return { ...factory, getNativeRtpCapabilities: ({ direction }) => known.get(direction) };
}
