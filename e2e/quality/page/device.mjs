// A call by the mediasoup-client library, which the clients of Corelay and of mediasoup use unchanged.
//
// What the two servers differ in is `signal`: { capabilities(), join(device), transport(direction), connect(id, dtlsParameters),
// produce(id, kind, rtpParameters), producers(), consume(id, producer, rtpCapabilities), resume(consumer) }.
import { Device } from 'mediasoup-client';

/** The browser's own 300 kbit/s would keep the largest size away for the first seconds. */
const START_KBPS = 1_000;

export async function publish(signal, stream, encodings) {
  const { device, transport } = await connect(signal, 'send');
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
  return { getStats: () => transport.getStats(), producers, sender: producers[1].rtpSender };
}

/** Receives all that is sent; each track goes to `onTrack` as soon as the browser has it. */
export async function view(signal, onTrack) {
  const { device, transport } = await connect(signal, 'recv');
  await Promise.all(signal.producers().map(async (producer) => {
    const { id, kind, rtpParameters } = await signal.consume(transport.id, producer, device.recvRtpCapabilities);
    const consumer = await transport.consume({ id, producerId: producer, kind, rtpParameters, streamId: 'call' });
    onTrack(consumer.track);
    await signal.resume(id);
  }));
  return { getStats: () => transport.getStats() };
}

async function connect(signal, direction) {
  const device = await Device.factory();
  await device.load({ routerRtpCapabilities: await signal.capabilities() });
  await signal.join?.(device);
  const { id, iceParameters, iceCandidates, dtlsParameters } = await signal.transport(direction);
  const options = { id, iceParameters, iceCandidates, dtlsParameters };
  const transport = direction === 'send' ? device.createSendTransport(options) : device.createRecvTransport(options);
  transport.on('connect', ({ dtlsParameters: ours }, done, failed) => {
    signal.connect(id, ours).then(done, failed);
  });
  return { device, transport };
}
