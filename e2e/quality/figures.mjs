// From what was sampled during a phase to its figures.

/** A picture that stands longer than this is seen to stand: four frames of a camera of 20 a second. */
export const STANDS_MS = 200;

/** The samples from the last before a moment to the last before another. */
function between(samples, from, to) {
  const first = Math.max(0, samples.findLastIndex(({ at }) => at <= from));
  return samples.slice(first, samples.findLastIndex(({ at }) => at <= to) + 1);
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** `publisher` and `viewer` are what their meters measured; `from` and `to` bound the phase. */
export function figuresOf({ publisher, viewer, from, to, before }) {
  const [sent, seen] = [between(publisher.samples, from, to), between(viewer.samples, from, to).filter(({ video, audio }) => video && audio)];
  if (sent.length < 2 || seen.length < 2) return { samples: Math.min(sent.length, seen.length) };
  const [first, last] = [seen[0], seen.at(-1)];
  const gained = (kind, name) => (last[kind][name] ?? 0) - (first[kind][name] ?? 0);
  const seconds = (last.at - first.at) / 1_000;
  const framesSent = sentFrames(sent);
  return {
    seconds,
    framesSent,
    framesCaptured: sent.at(-1).captured - sent[0].captured,
    framesDecoded: gained('video', 'framesDecoded'),
    decodedPart: gained('video', 'framesDecoded') / Math.max(1, framesSent),
    ...presented(viewer.frames, from, to),
    freezes: gained('video', 'freezeCount'),
    frozenSeconds: gained('video', 'totalFreezesDuration'),
    kbps: ((gained('video', 'bytesReceived') + gained('audio', 'bytesReceived')) * 8) / 1_000 / seconds,
    concealedPart: (gained('audio', 'concealedSamples') - gained('audio', 'silentConcealedSamples')) / Math.max(1, gained('audio', 'totalSamplesReceived')),
    jitterBufferMs: (1_000 * gained('video', 'jitterBufferDelay')) / Math.max(1, gained('video', 'jitterBufferEmittedCount')),
    widths: widths(seen),
    settledMs: settled(seen, from, before),
    ...counts(gained),
    sender: senders(sent),
  };
}

/** Of the size that it sends most frames of: the others may be paused, because nobody watches them. */
function sentFrames(sent) {
  return sent.slice(1).reduce((sum, sample, n) => {
    const before = new Map(sent[n].sent.map((one) => [one.rid, one.framesSent]));
    return sum + Math.max(0, ...sample.sent.map((one) => (one.framesSent ?? 0) - (before.get(one.rid) ?? 0)));
  }, 0);
}

function presented(frames, from, to) {
  const shown = frames.filter(([at]) => at > from && at <= to);
  const times = [from, ...shown.map(([at]) => at), to];
  const gaps = times.slice(1).map((at, n) => at - times[n]);
  return { framesPresented: shown.length, framesUnreadable: shown.filter(([, number]) => number < 0).length, longestStandMs: Math.max(...gaps), stands: gaps.filter((gap) => gap > STANDS_MS).length };
}

const counts = (gained) => Object.fromEntries(['framesReceived', 'framesDropped', 'keyFramesDecoded', 'packetsReceived', 'packetsLost', 'nackCount', 'retransmittedPacketsReceived', 'pliCount'].map((name) => [name, gained('video', name)]));

/** The part of the time that each width was received. */
function widths(seen) {
  const parts = {};
  for (const { video } of seen) parts[video.frameWidth ?? 0] = (parts[video.frameWidth ?? 0] ?? 0) + 1 / seen.length;
  return parts;
}

/** Milliseconds until the width is what it then is for most of the phase; `null` if it was never that of `before`, where that is told. */
function settled(seen, from, before) {
  const later = median(seen.slice(Math.floor(seen.length / 2)).map(({ video }) => video.frameWidth ?? 0));
  const wanted = before ?? later;
  const found = seen.find(({ at, video }) => at >= from && video.frameWidth === wanted);
  return found ? found.at - from : null;
}

/** Whether the sender did less than it could, by itself or by its browser. */
function senders(sent) {
  const byWidth = [...sent.at(-1).sent].sort((a, b) => (a.frameWidth ?? 0) - (b.frameWidth ?? 0));
  return byWidth.map((last) => {
    const first = sent[0].sent.find(({ rid }) => rid === last.rid) ?? {};
    const of = (name) => (last[name] ?? 0) - (first[name] ?? 0);
    const all = sent.flatMap((sample) => sample.sent.filter(({ rid }) => rid === last.rid));
    const targets = all.map(({ targetBitrate }) => targetBitrate ?? 0);
    return {
      rid: last.rid, width: last.frameWidth, framesSent: of('framesSent'), keyFrames: of('keyFramesEncoded'), keyFramesAsked: of('pliCount') + of('firCount'),
      targetKbps: [Math.min(...targets) / 1_000, Math.max(...targets) / 1_000], limits: [...new Set(all.map(({ qualityLimitationReason }) => qualityLimitationReason))],
    };
  });
}
