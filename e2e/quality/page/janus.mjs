// The videoroom plugin of Janus by its WebSocket API, and a plain RTCPeerConnection.
import { Requests } from './requests.mjs';

const ROOM = 1234;
const PUBLISHER = 1;
/** Janus drops a session that is silent for a minute. */
const KEEPALIVE_MS = 20_000;

export async function publish({ url }, stream, encodings) {
  const handle = await open(url);
  await handle.ask({ request: 'create', room: ROOM, publishers: 4, audiocodec: 'opus', videocodec: 'vp8', opus_fec: true, bitrate: 0, notify_joining: false });
  await handle.ask({ request: 'join', ptype: 'publisher', room: ROOM, id: PUBLISHER });
  const connection = new RTCPeerConnection();
  connection.addTransceiver(stream.getAudioTracks()[0], { direction: 'sendonly' });
  // The largest first: it is the order that the plugin's own page has.
  const sendEncodings = encodings.map((encoding, n) => ({ ...encoding, rid: 'lmh'[n] })).reverse();
  const video = connection.addTransceiver(stream.getVideoTracks()[0], { direction: 'sendonly', sendEncodings });
  video.setCodecPreferences(RTCRtpSender.getCapabilities('video').codecs.filter(({ mimeType }) => /vp8|rtx/i.test(mimeType)));
  await connection.setLocalDescription();
  const { jsep } = await handle.ask({ request: 'publish' }, await gathered(connection));
  await connection.setRemoteDescription(jsep);
  return { getStats: () => connection.getStats(), close: handle.close };
}

export async function view({ url }, onTrack) {
  const handle = await open(url);
  const { jsep } = await handle.ask({ request: 'join', ptype: 'subscriber', room: ROOM, streams: [{ feed: PUBLISHER }] });
  const connection = new RTCPeerConnection();
  connection.addEventListener('track', ({ track }) => onTrack(track));
  await connection.setRemoteDescription(jsep);
  await connection.setLocalDescription();
  await handle.ask({ request: 'start' }, await gathered(connection));
  return { getStats: () => connection.getStats(), close: handle.close };
}

/** The description with its candidates: those of a host are there within a millisecond. */
async function gathered(connection) {
  while (connection.iceGatheringState !== 'complete') {
    await new Promise((resolve) => connection.addEventListener('icegatheringstatechange', resolve, { once: true }));
  }
  return connection.localDescription.toJSON();
}

/** A session with one handle of the plugin. */
async function open(url) {
  // An asynchronous request is acknowledged first; other messages are events.
  const read = ({ transaction, janus, ...rest }) => transaction && janus !== 'ack' && { id: Number(transaction), data: rest, error: rest.error?.reason ?? rest.plugindata?.data.error };
  const requests = await Requests.open(url, ['janus-protocol'], read);
  const ask = (janus, more = {}) => requests.ask(janus, (id) => ({ janus, transaction: `${id}`, ...more }));
  const session = (await ask('create')).data.id;
  const handle = (await ask('attach', { session_id: session, plugin: 'janus.plugin.videoroom' })).data.id;
  const alive = setInterval(() => requests.tell((id) => ({ janus: 'keepalive', session_id: session, transaction: `${id}` })), KEEPALIVE_MS);
  const close = () => {
    clearInterval(alive);
    requests.close();
  };
  return { ask: (body, jsep) => ask('message', { session_id: session, handle_id: handle, body, ...(jsep && { jsep }) }), close };
}
