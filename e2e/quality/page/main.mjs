// The page that publishes or views through any of the servers; `window.quality` is what the measurement calls.
import * as corelay from './corelay.mjs';
import * as janus from './janus.mjs';
import * as mediasoup from './mediasoup.mjs';
import { Meter } from './meter.mjs';

const servers = { corelay, janus, mediasoup };
let call, meter;

window.quality = {
  /** Sends camera and microphone. Gives what a viewer has to know beside the address. */
  async publish(server, address, { width, height, encodings }) {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { width, height }, audio: true });
    call = await servers[server].publish(address, stream, encodings);
    meter = new Meter(call);
    return call.found ?? {};
  },

  /** Receives; gives the milliseconds from the call until the first frame is presented. */
  async view(server, address) {
    const began = performance.now();
    const stream = new MediaStream();
    const elements = { audio: document.querySelector('audio'), video: document.querySelector('video') };
    const presented = new Promise((resolve) => elements.video.requestVideoFrameCallback(resolve));
    call = await servers[server].view(address, (track) => {
      stream.addTrack(track);
      elements[track.kind].srcObject = new MediaStream([track]);
    });
    const signaled = performance.now() - began;
    const first = (await presented) - began;
    meter = new Meter(call, stream.getTracks());
    meter.watch(elements.video);
    return { first, signaled };
  },

  /** Ends, and gives all that was measured. */
  async close() {
    const measured = meter?.close();
    await call?.close?.();
    return measured;
  },
};
