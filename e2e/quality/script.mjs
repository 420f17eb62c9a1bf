// What the network does while somebody watches, the same for every server.

/** 720 lines in three sizes, as most applications send them. The middle one fits 500 kbit/s together with the voice and the overhead. */
export const CAMERA = {
  width: 1280,
  height: 720,
  encodings: [
    { scaleResolutionDownBy: 4, maxBitrate: 150_000, scalabilityMode: 'L1T3' },
    { scaleResolutionDownBy: 2, maxBitrate: 400_000, scalabilityMode: 'L1T3' },
    { scaleResolutionDownBy: 1, maxBitrate: 1_500_000, scalabilityMode: 'L1T3' },
  ],
};

/** How often somebody joins the call on the clean link. */
export const JOINS = 5;
/** For the sizes to come up before anybody judges them. */
export const SETTLE_MS = 6_000;

/** One after the other; `link` says what changes. What has no title is not judged. */
export const PHASES = [
  { name: 'clean', title: 'clean', seconds: 8, link: { loss: 0, delay: 0, rate: 0 } },
  { name: 'far', seconds: 8, link: { delay: 40 } },
  { name: 'loss10', title: '10 % loss, 80 ms', seconds: 20, link: { loss: 10 } },
  { name: 'rest', seconds: 6, link: { loss: 0 } },
  { name: 'loss20', title: '20 % loss, 80 ms', seconds: 20, link: { loss: 20 } },
  { name: 'calm', seconds: 6, link: { loss: 0, delay: 20 } },
  { name: 'wide', title: '3 Mbit/s', seconds: 20, link: { rate: 3_000 } },
  { name: 'narrow', title: '500 kbit/s', seconds: 20, link: { rate: 500 } },
  { name: 'back', title: '3 Mbit/s again', seconds: 20, link: { rate: 3_000 } },
];
/** What the link keeps waiting in front of its bottleneck, at most. */
export const QUEUE_MS = 200;
