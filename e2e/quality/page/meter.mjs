// What a browser knows of a call, four times a second, and each frame that it presents.
import { readBarcode } from '../../harness/picture.mjs';

const SAMPLE_MS = 250;
/** The strip with the bar code is drawn this large: eight points a block. */
const [STRIP_WIDTH, STRIP_HEIGHT] = [160, 8];

const SENT = ['rid', 'framesSent', 'framesEncoded', 'keyFramesEncoded', 'bytesSent', 'frameWidth', 'targetBitrate', 'qualityLimitationReason', 'active', 'pliCount', 'firCount', 'nackCount', 'retransmittedPacketsSent'];
const RECEIVED = ['framesReceived', 'framesDecoded', 'framesDropped', 'keyFramesDecoded', 'frameWidth', 'freezeCount', 'totalFreezesDuration', 'bytesReceived', 'packetsReceived', 'packetsLost', 'packetsDiscarded', 'nackCount',
  'retransmittedPacketsReceived', 'pliCount', 'firCount', 'jitterBufferDelay', 'jitterBufferEmittedCount', 'concealedSamples', 'silentConcealedSamples', 'totalSamplesReceived'];

/** Milliseconds since 1970: two browsers of one machine agree in them. */
export const clock = () => performance.timeOrigin + performance.now();

const pick = (names, stats) => Object.fromEntries(names.filter((name) => stats[name] !== undefined).map((name) => [name, stats[name]]));

/** Samples what a sender, or a receiver, counts; `samples` is what was found so far. */
export class Meter {
  samples = [];
  /** Each frame that was presented: when, and its number or -1 where the bar code could not be read. */
  frames = [];
  #timer;
  #busy = false;
  #tracks;

  /** `tracks`: those that are received. A server may send more beside them, to find out what the link carries. */
  constructor(call, tracks = []) {
    this.#tracks = tracks.map(({ id }) => id);
    this.#timer = setInterval(() => this.#sample(call), SAMPLE_MS);
  }

  async #sample(call) {
    // On a machine that is too slow, rather fewer samples than a queue of them.
    if (this.#busy) return;
    this.#busy = true;
    try {
      const at = clock();
      const stats = [...(await call.getStats()).values()];
      const sent = stats.filter(({ type }) => type === 'outbound-rtp');
      const received = stats.filter(({ type, trackIdentifier }) => type === 'inbound-rtp' && this.#tracks.includes(trackIdentifier));
      const of = (list, names, kind) => list.filter((one) => one.kind === kind).map((one) => pick(names, one));
      const source = stats.find(({ type, kind }) => type === 'media-source' && kind === 'video');
      const chosen = await call.chosen?.().catch(() => undefined);
      this.samples.push({ at, captured: source?.frames, sent: of(sent, SENT, 'video'), video: of(received, RECEIVED, 'video')[0], audio: of(received, RECEIVED, 'audio')[0], chosen });
    } finally {
      this.#busy = false;
    }
  }

  /** Notes each frame that an element presents. */
  watch(element) {
    const canvas = new OffscreenCanvas(STRIP_WIDTH, STRIP_HEIGHT).getContext('2d', { willReadFrequently: true });
    const step = (now) => {
      const { videoWidth } = element;
      canvas.drawImage(element, 0, 0, videoWidth, videoWidth / 20, 0, 0, STRIP_WIDTH, STRIP_HEIGHT);
      const { data } = canvas.getImageData(0, 0, STRIP_WIDTH, STRIP_HEIGHT);
      const luma = Uint8Array.from({ length: STRIP_WIDTH * STRIP_HEIGHT }, (_, at) => data[at * 4 + 1]);
      this.frames.push([performance.timeOrigin + now, readBarcode(luma, STRIP_WIDTH, STRIP_HEIGHT)?.frame ?? -1]);
      element.requestVideoFrameCallback(step);
    };
    element.requestVideoFrameCallback(step);
  }

  close() {
    clearInterval(this.#timer);
    return { samples: this.samples, frames: this.frames };
  }
}
