// One tab with the demo page, in whichever browser.
import { until } from './time.mjs';

/** The harness asks the camera for the size of its film: what is compared is then not scaled. */
const CAMERA_HEIGHT = 360;

export class Tab {
  #driver;

  constructor(driver) {
    this.#driver = driver;
  }

  get page() {
    return this.#driver.page;
  }

  /** Errors that the page printed or threw. */
  get problems() {
    return this.#driver.problems;
  }

  visit(url) {
    return this.#driver.goto(url);
  }

  evaluate(script, argument) {
    return this.#driver.evaluate(script, argument);
  }

  click(testId) {
    return this.#driver.click(`[data-testid="${testId}"]`);
  }

  close() {
    return this.#driver.close();
  }

  /** Opens the page and lets it join by itself. Further options are those of the page's address. */
  async open(server, { name, room = 'test', codec = 'vp8', token = server.token({ sub: name, name, room }), ...more }) {
    // One size unless a test asks for more: what most tests compare is then the picture that the camera gave.
    const query = new URLSearchParams({ room, name, video: codec, height: `${CAMERA_HEIGHT}`, autojoin: '1', layers: 'one', token, ...more });
    await this.visit(`${server.origin}/?${query}`);
  }

  async join(server, options) {
    this.name = options.name;
    await this.open(server, options);
    await this.untilState('connected');
  }

  state() {
    return this.evaluate(() => window.corelay && { state: window.corelay.state, joins: window.corelay.joins, ending: window.corelay.ending?.reason, participants: window.corelay.participants.length });
  }

  async untilState(wanted, limitMs = 20_000) {
    let seen;
    const what = () => `${this.name} is ${wanted}, but ${JSON.stringify(seen)}, ${this.problems.slice(-3).join('; ')}`;
    await until(what, async () => (seen = await this.state())?.state === wanted, limitMs);
  }

  /** What is received: one entry a track, with the sender's name. */
  consumers() {
    return this.evaluate(() =>
      window.corelay.consumers.map(({ id, participantId, kind, source, paused, codec, track }) => ({
        id, participantId, kind, source, paused, codec, trackId: track?.id,
        from: window.corelay.participants.find((one) => one.participantId === participantId)?.displayName,
      })));
  }

  /** The track that a participant sends of a kind, as this tab receives it; waits for it. */
  async consumer(from, kind, limitMs = 15_000) {
    let seen;
    const what = () => `${this.name} receives ${kind} from ${from}: ${JSON.stringify(seen)}; ${this.problems.slice(-3).join('; ')}`;
    return until(what, async () => (seen = await this.consumers()).find((one) => one.from === from && one.kind === kind), limitMs);
  }

  /** What the page shows of a track. */
  look(consumerId) {
    return this.evaluate((id) => {
      const track = window.corelay.consumers.find((one) => one.id === id)?.track;
      return track ? window.probe.look(track) : null;
    }, consumerId);
  }

  numbers(consumerId) {
    return this.evaluate((id) => {
      const track = window.corelay.consumers.find((one) => one.id === id)?.track;
      return track ? window.probe.numbers(track) : null;
    }, consumerId);
  }

  lipSyncMs(audioId, videoId) {
    return this.evaluate((ids) => {
      const [audio, video] = ids.map((id) => window.corelay.consumers.find((one) => one.id === id)?.track);
      return audio && video ? window.probe.lipSyncMs(audio, video) : null;
    }, [audioId, videoId]);
  }

  listen(consumerId, ms) {
    return this.evaluate(([id, limit]) => window.probe.listen(window.corelay.consumers.find((one) => one.id === id).track, limit), [consumerId, ms]);
  }

  follow(consumerId, ms) {
    return this.evaluate(([id, limit]) => window.probe.follow(window.corelay.consumers.find((one) => one.id === id).track, limit), [consumerId, ms]);
  }

  /** Milliseconds from the requests `consume` and `resumeConsumer` of a track to the first frame that the page showed of it. */
  async firstFrameMs(consumerId) {
    return until(`a first frame of ${consumerId}`, () =>
      this.evaluate((id) => {
        const { producerId, track } = window.corelay.consumers.find((one) => one.id === id);
        const shown = window.probe.firstFrames.get(track.id);
        const requests = window.probe.sent.map(({ at, text }) => ({ at, ...JSON.parse(text) }));
        const consume = requests.find(({ method, data }) => method === 'consume' && data?.producerId === producerId);
        const resume = requests.find(({ method, data }) => method === 'resumeConsumer' && data?.consumerId === id);
        return shown && consume ? { fromConsume: shown - consume.at, fromResume: resume && shown - resume.at } : null;
      }, consumerId));
  }
}
