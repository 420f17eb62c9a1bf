// What runs inside the page: before its own scripts, so that it sees every connection, message and first frame.
//
// It looks only at what the page shows (its <video> elements) and at what the browser knows (RTCPeerConnection statistics), so
// that nothing here can make a broken page look well.
import { FRAMES, HEIGHT, WIDTH, lumaOf, psnr, readBarcode } from './picture.mjs';

/** The text of a script that defines `window.probe`. */
export const probeScript = `(${install.toString()})({ ${[lumaOf, psnr, readBarcode].map((f) => f.toString().replace(/^function /, '')).join(', ')} }, ${JSON.stringify({ WIDTH, HEIGHT, FRAMES })});`;

function install(picture, { WIDTH, HEIGHT, FRAMES }) {
  if (window.probe) return;
  const connections = [];
  const sent = [];
  const firstFrames = new Map();
  const sources = new Map();
  let canvas;

  const Connection = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Connection {
    constructor(...args) {
      super(...args);
      connections.push(this);
    }
  };
  const received = [];
  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...args) {
      super(...args);
      this.addEventListener('message', ({ data }) => received.push({ at: performance.now(), text: String(data) }));
    }
    send(data) {
      sent.push({ at: performance.now(), text: String(data) });
      super.send(data);
    }
  };
  // The first frame that each element shows of each track.
  const watched = new WeakMap();
  setInterval(() => {
    for (const element of document.querySelectorAll('video')) {
      const track = element.srcObject?.getVideoTracks?.()[0];
      if (!track || watched.get(element) === track.id || !element.requestVideoFrameCallback) continue;
      watched.set(element, track.id);
      element.requestVideoFrameCallback((now) => firstFrames.has(track.id) || firstFrames.set(track.id, now));
    }
  }, 20);

  const sourceOf = ({ sender, frame }) => {
    const key = `${sender}/${frame}`;
    if (!sources.has(key)) sources.set(key, picture.lumaOf(sender, frame, WIDTH, HEIGHT, FRAMES));
    return sources.get(key);
  };
  const elementOf = (track) => [...document.querySelectorAll('video')].find((element) => element.srcObject?.getTracks?.().some(({ id }) => id === track.id));
  const lumaShown = (element) => {
    canvas ??= new OffscreenCanvas(WIDTH, HEIGHT).getContext('2d', { willReadFrequently: true });
    canvas.drawImage(element, 0, 0, WIDTH, HEIGHT);
    const { data } = canvas.getImageData(0, 0, WIDTH, HEIGHT);
    const luma = new Uint8Array(WIDTH * HEIGHT);
    for (let at = 0; at < luma.length; at++) luma[at] = 16 + (219 / 255) * (0.299 * data[at * 4] + 0.587 * data[at * 4 + 1] + 0.114 * data[at * 4 + 2]);
    return luma;
  };
  const connectionOf = (track) =>
    connections.find((one) => one.connectionState !== 'closed' && one.getReceivers().some((receiver) => receiver.track.id === track.id));
  const inbound = async (track) => {
    const receiver = connectionOf(track)?.getReceivers().find((one) => one.track.id === track.id);
    return receiver && [...(await receiver.getStats()).values()].find(({ type }) => type === 'inbound-rtp');
  };

  window.probe = {
    connections, sent, received, firstFrames,
    /** What an element shows of a track: its size, who sent it, the frame's number, how near it is to its source; or how grey it is. */
    look(track) {
      const element = elementOf(track);
      if (!element || element.readyState < 2) return null;
      const luma = lumaShown(element);
      const code = picture.readBarcode(luma, WIDTH, HEIGHT);
      const mean = luma.reduce((sum, value) => sum + value, 0) / luma.length;
      const deviation = Math.sqrt(luma.reduce((sum, value) => sum + (value - mean) ** 2, 0) / luma.length);
      const size = { width: element.videoWidth, height: element.videoHeight, deviation };
      return code ? { ...size, ...code, psnr: picture.psnr(luma, sourceOf(code), WIDTH, HEIGHT) } : size;
    },
    /** The browser's numbers of a received track. */
    async numbers(track) {
      const stats = await inbound(track);
      if (!stats) return null;
      const names = ['kind', 'packetsReceived', 'packetsLost', 'framesDecoded', 'framesDropped', 'freezeCount', 'totalFreezesDuration',
        'keyFramesDecoded', 'totalAudioEnergy', 'totalSamplesDuration', 'pliCount', 'nackCount', 'jitter', 'bytesReceived', 'frameWidth', 'concealedSamples', 'silentConcealedSamples', 'totalSamplesReceived'];
      return Object.fromEntries(names.map((name) => [name, stats[name]]));
    },
    /** How much later, in ms, the sound is played than the picture of the same moment, by the sender's clock; `null` before the reports. */
    async lipSyncMs(audio, video) {
      const stats = [...((await connectionOf(video)?.getStats()) ?? new Map()).values()].filter(({ type }) => type === 'inbound-rtp');
      const playedAt = (track) => {
        const { estimatedPlayoutTimestamp, timestamp } = stats.find(({ trackIdentifier }) => trackIdentifier === track.id) ?? {};
        return estimatedPlayoutTimestamp ? estimatedPlayoutTimestamp - timestamp : null;
      };
      const [sound, picture] = [playedAt(audio), playedAt(video)];
      return sound === null || picture === null ? null : picture - sound;
    },
    /** The pitch that is strongest in a track within a time, and its level in dB. */
    async listen(track, ms) {
      const context = new AudioContext();
      await context.resume();
      const analyser = context.createAnalyser();
      analyser.fftSize = 4096;
      analyser.smoothingTimeConstant = 0;
      const source = context.createMediaStreamSource(new MediaStream([track]));
      source.connect(analyser);
      const bins = new Float32Array(analyser.frequencyBinCount);
      let best = { hz: 0, db: -Infinity };
      for (const end = performance.now() + ms; performance.now() < end; ) {
        analyser.getFloatFrequencyData(bins);
        bins.forEach((db, bin) => {
          if (db > best.db) best = { hz: (bin * context.sampleRate) / analyser.fftSize, db };
        });
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      await context.close();
      return best;
    },
    /** Each frame of a track that is shown within a time, by an element of our own: the page takes its own away while a track is paused. */
    async follow(track, ms) {
      const element = document.body.appendChild(document.createElement('video'));
      Object.assign(element, { srcObject: new MediaStream([track]), muted: true, autoplay: true, playsInline: true });
      // In sight: a browser need not draw what nobody sees.
      Object.assign(element.style, { position: 'fixed', top: 0, left: 0, width: '32px', zIndex: 9999 });
      const frames = [];
      const step = (now, { mediaTime }) => {
        frames.push({ now, mediaTime });
        element.requestVideoFrameCallback(step);
      };
      element.requestVideoFrameCallback(step);
      await new Promise((resolve) => setTimeout(resolve, ms));
      element.remove();
      return frames;
    },
  };
}
