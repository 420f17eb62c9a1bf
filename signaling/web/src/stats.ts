/** Reads what matters to a person out of the browser's statistics (W3C webrtc-stats) of one sent or received track. */

export interface TrackStats {
  direction: 'sent' | 'received';
  kind: 'audio' | 'video';
  codec: string | undefined;
  /** Bits per second since the sample before; `undefined` at the first one. */
  bitrate: number | undefined;
  bytes: number;
  packets: number;
  packetsLost: number;
  /** Of the packets since the sample before, 0 to 100. */
  lossPercent: number | undefined;
  rttMs: number | undefined;
  jitterMs: number | undefined;
  width: number | undefined;
  height: number | undefined;
  fps: number | undefined;
  /** Decoded for a received track, encoded for a sent one. */
  frames: number | undefined;
  framesDropped: number | undefined;
  keyFrames: number | undefined;
  freezes: number | undefined;
  pliCount: number | undefined;
  nackCount: number | undefined;
  audioLevel: number | undefined;
  totalAudioEnergy: number | undefined;
  /** Why the encoder lowers the quality, if it does. */
  limitedBy: string | undefined;
}

export interface Sample {
  timestampMs: number;
  stats: TrackStats;
}

type Entry = Record<string, unknown> & { type: string };

/** Reads one report. `before` is the sample of the same track before this one; without it the rates are `undefined`. */
export function readSample(report: Iterable<unknown>, before: Sample | undefined): Sample | undefined {
  const entries = [...report] as Entry[];
  const streams = entries.filter(({ type }) => type === 'inbound-rtp' || type === 'outbound-rtp');
  const [main] = streams;
  if (main === undefined) return undefined;
  const received = main.type === 'inbound-rtp';
  const remote = entries.find(({ type }) => type === 'remote-inbound-rtp');
  const loss = received ? main : remote;
  const size = largest(streams);
  const stats: TrackStats = {
    direction: received ? 'received' : 'sent',
    kind: main['kind'] === 'audio' ? 'audio' : 'video',
    codec: codecOf(entries, main),
    bitrate: undefined,
    bytes: sum(streams, received ? 'bytesReceived' : 'bytesSent'),
    packets: sum(streams, received ? 'packetsReceived' : 'packetsSent'),
    packetsLost: Math.max(0, number(loss, 'packetsLost') ?? 0),
    lossPercent: undefined,
    rttMs: milliseconds(number(remote, 'roundTripTime') ?? pathRtt(entries)),
    jitterMs: milliseconds(number(loss, 'jitter')),
    width: number(size, 'frameWidth'),
    height: number(size, 'frameHeight'),
    fps: number(size, 'framesPerSecond'),
    frames: number(size, received ? 'framesDecoded' : 'framesEncoded'),
    framesDropped: number(size, 'framesDropped'),
    keyFrames: number(size, received ? 'keyFramesDecoded' : 'keyFramesEncoded'),
    freezes: number(size, 'freezeCount'),
    pliCount: number(size, 'pliCount'),
    nackCount: number(size, 'nackCount'),
    audioLevel: number(main, 'audioLevel') ?? number(entries.find(({ type }) => type === 'media-source'), 'audioLevel'),
    totalAudioEnergy: number(main, 'totalAudioEnergy') ?? number(entries.find(({ type }) => type === 'media-source'), 'totalAudioEnergy'),
    limitedBy: limitOf(main),
  };
  const sample: Sample = { timestampMs: number(main, 'timestamp') ?? 0, stats };
  if (before !== undefined) addRates(sample, before);
  return sample;
}

function addRates({ timestampMs, stats }: Sample, before: Sample): void {
  const seconds = (timestampMs - before.timestampMs) / 1000;
  if (seconds <= 0) return;
  stats.bitrate = Math.max(0, ((stats.bytes - before.stats.bytes) * 8) / seconds);
  const lost = Math.max(0, stats.packetsLost - before.stats.packetsLost);
  const arrived = Math.max(0, stats.packets - before.stats.packets);
  // What is sent contains what is lost; what is received does not.
  const expected = stats.direction === 'sent' ? arrived : arrived + lost;
  stats.lossPercent = expected === 0 ? 0 : Math.min(100, (lost / expected) * 100);
}

/** With several layers, the largest one that runs tells the size of the picture. */
function largest(streams: readonly Entry[]): Entry | undefined {
  return [...streams].sort((a, b) => (number(b, 'frameWidth') ?? 0) - (number(a, 'frameWidth') ?? 0))[0];
}

function codecOf(entries: readonly Entry[], stream: Entry): string | undefined {
  const codec = entries.find(({ type, id }) => type === 'codec' && id === stream['codecId']);
  const mimeType = codec?.['mimeType'];
  return typeof mimeType === 'string' ? mimeType.split('/')[1] : undefined;
}

function pathRtt(entries: readonly Entry[]): number | undefined {
  const pairs = entries.filter(({ type, state }) => type === 'candidate-pair' && state === 'succeeded');
  return number(pairs.find(({ nominated }) => nominated === true) ?? pairs[0], 'currentRoundTripTime');
}

function limitOf(stream: Entry): string | undefined {
  const reason = stream['qualityLimitationReason'];
  return typeof reason === 'string' && reason !== 'none' ? reason : undefined;
}

function sum(entries: readonly Entry[], name: string): number {
  return entries.reduce((total, entry) => total + (number(entry, name) ?? 0), 0);
}

function number(entry: Entry | undefined, name: string): number | undefined {
  const value = entry?.[name];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function milliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000;
}
