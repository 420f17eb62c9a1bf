// Corelay's protocol (docs/protocol.md), as its demo page speaks it.
import { activate } from '../../../signaling/web/src/encodings.ts';
import * as device from './device.mjs';
import { Requests } from './requests.mjs';

export async function publish({ url, token }, stream, encodings) {
  let sender;
  let wanted;
  const apply = async () => {
    if (!sender || !wanted) return;
    const parameters = sender.getParameters();
    if (activate(parameters.encodings, wanted, 'video/VP8')) await sender.setParameters(parameters);
  };
  // One change after the other: `setParameters` takes what `getParameters` gave last.
  let changes = Promise.resolve();
  const told = ({ method, data }) => {
    if (method !== 'producerLayersWanted') return;
    wanted = data.encodings;
    changes = changes.then(apply);
  };
  const sending = await device.publish(open(url, token, told), stream, encodings);
  sender = sending.sender;
  changes = changes.then(apply);
  return { getStats: sending.getStats, close: () => sending.signal.ask('leave') };
}

export async function view({ url, token }, onTrack) {
  const { signal, getStats } = await device.view(open(url, token), onTrack);
  return { getStats, chosen: async () => chosen(await signal.ask('getStats')), close: () => signal.ask('leave') };
}

async function open(url, token, told) {
  const read = ({ response, id, ok, data, error, errorReason }) => response && { id, data, error: ok ? undefined : `${error}: ${errorReason}` };
  const requests = await Requests.open(url, ['corelay.v1', `bearer.${token}`], read, told);
  const ask = (method, data = {}) => requests.ask(method, (id) => ({ request: true, id, method, data }));
  let producers = [];
  return {
    ask,
    capabilities: () => ask('getRouterRtpCapabilities'),
    async join() {
      const { participants } = await ask('join');
      producers = participants.flatMap((one) => one.producers.map(({ producerId }) => producerId));
    },
    transport: (direction) => ask('createWebRtcTransport', { direction }),
    connect: (transportId, dtlsParameters) => ask('connectWebRtcTransport', { transportId, dtlsParameters }),
    produce: (transportId, kind, rtpParameters) => ask('produce', { transportId, kind, rtpParameters, source: kind === 'audio' ? 'microphone' : 'camera' }),
    producers: () => producers,
    // Not paused: nothing is sent before the transport is connected, and then the browser knows what comes.
    consume: (transportId, producerId, rtpCapabilities) => ask('consume', { transportId, producerId, rtpCapabilities }),
  };
}

/** What the server says of the video: its layers, why, and what it thinks that the link carries. */
function chosen({ transports, consumers }) {
  const { layers, why } = consumers.find(({ kind }) => kind === 'video') ?? {};
  return { layers: layers && [layers.spatialLayer, layers.temporalLayer], why, estimateBps: transports[0]?.estimateBps };
}
