/** Who speaks: smooths the audio levels of all participants and gives the highlight to one, without flicker. */

/** Levels are linear, 0 to 1 (RFC 6464's -dBov as the browser converts it). Speech is near 0.05; a quiet room below 0.005. */
const SPEECH_LEVEL = 0.012;
/** Weight of the newest level. Higher follows faster and flickers more. */
const ATTACK = 0.5;
/** Weight while the level falls: the pauses between words must not end a turn. */
const RELEASE = 0.12;
/** Another one takes over only when louder by this factor: two people who talk at once would alternate many times a second. */
const TAKEOVER_FACTOR = 1.5;
/** The highlight stays at least this long. Lower is livelier; higher is calmer. */
const HOLD_MS = 900;

export class SpeakerTracker {
  readonly #levels = new Map<string, number>();
  #speaker: string | undefined;
  #since = 0;

  /** Takes the present levels by participant; gives the one who speaks. Who is absent from `levels` is forgotten. */
  update(nowMs: number, levels: ReadonlyMap<string, number>): string | undefined {
    for (const id of this.#levels.keys()) if (!levels.has(id)) this.#levels.delete(id);
    for (const [id, level] of levels) {
      const before = this.#levels.get(id) ?? 0;
      this.#levels.set(id, before + (level - before) * (level > before ? ATTACK : RELEASE));
    }
    if (this.#speaker !== undefined && !levels.has(this.#speaker)) this.#speaker = undefined;
    const loudest = this.#loudest();
    if (nowMs - this.#since < HOLD_MS && this.#speaker !== undefined) return this.#speaker;
    if (this.#mayTakeOver(loudest)) this.#give(nowMs, loudest);
    else if (this.#speaker !== undefined && this.level(this.#speaker) < SPEECH_LEVEL) this.#speaker = undefined;
    return this.#speaker;
  }

  /** The smoothed level, 0 to 1. */
  level(id: string): number {
    return this.#levels.get(id) ?? 0;
  }

  #loudest(): string | undefined {
    let loudest: string | undefined;
    for (const [id, level] of this.#levels) if (level >= SPEECH_LEVEL && (loudest === undefined || level > this.level(loudest))) loudest = id;
    return loudest;
  }

  #mayTakeOver(loudest: string | undefined): loudest is string {
    if (loudest === undefined || loudest === this.#speaker) return false;
    return this.#speaker === undefined || this.level(loudest) > this.level(this.#speaker) * TAKEOVER_FACTOR;
  }

  #give(nowMs: number, speaker: string): void {
    this.#speaker = speaker;
    this.#since = nowMs;
  }
}

/** The level of a received voice. The browser reads it from the packet or the decoder, so it costs no audio processing here. */
export function receivedLevel(receiver: RTCRtpReceiver | undefined): number {
  const levels = receiver?.getSynchronizationSources?.().map((source) => source.audioLevel ?? 0) ?? [];
  return Math.max(0, ...levels);
}

/** The level of the local microphone. A receiver's level does not exist for it, so it is measured. */
export class LevelMeter {
  readonly #context: AudioContext;
  readonly #analyser: AnalyserNode;
  readonly #source: MediaStreamAudioSourceNode;
  readonly #samples: Float32Array<ArrayBuffer>;

  constructor(track: MediaStreamTrack) {
    this.#context = new AudioContext();
    this.#analyser = this.#context.createAnalyser();
    this.#analyser.fftSize = 1024;
    this.#samples = new Float32Array(this.#analyser.fftSize);
    this.#source = this.#context.createMediaStreamSource(new MediaStream([track]));
    this.#source.connect(this.#analyser);
  }

  /** Root mean square of the last 20 ms. */
  level(): number {
    // Suspended until the person has touched the page; a page that joins by itself shows no local level until then.
    if (this.#context.state === 'suspended') void this.#context.resume().catch(() => undefined);
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    return Math.sqrt(sum / this.#samples.length);
  }

  close(): void {
    this.#source.disconnect();
    void this.#context.close();
  }
}
