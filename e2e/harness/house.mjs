// What a test needs around a call: a server, and a browser for each sender. Everything is given back by `close`.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Chromium } from './chromium.mjs';
import { Firefox } from './firefox.mjs';
import { writeMedia } from './media.mjs';
import { Server } from './server.mjs';

export class House {
  server;
  #directory = fs.mkdtempSync(path.join(os.tmpdir(), 'corelay-e2e-'));
  #browsers = new Map();
  #film;

  /** Starts the server; options as those of `Server.start`, and `film` as those of `writeMedia`. */
  static async open({ film, ...options } = {}) {
    const house = new House();
    house.#film = film;
    house.server = await Server.start(options).catch((error) => {
      house.#forgetFiles();
      throw error;
    });
    return house;
  }

  /** A tab whose camera and microphone are those of a sender, 1 to 7. A browser has one fake camera, so each sender has a browser. */
  tab(sender, options) {
    return this.#tabOf(`sender ${sender}`, () => Chromium.launch({ media: writeMedia(this.#directory, sender, this.#film), args: ['--allow-loopback-in-peer-connection', ...this.#asSecure()] }), options);
  }

  /** A tab that nobody has given a camera: its addresses stay hidden behind `.local` names. */
  viewerTab(options) {
    return this.#tabOf('viewer', () => Chromium.launch(), options);
  }

  /** A viewer at the far end of a `Link`. */
  farTab(link, options) {
    return this.#tabOf('far', () => Chromium.launch({ link, args: this.#asSecure() }), options);
  }

  firefoxTab() {
    return this.#tabOf('firefox', () => Firefox.launch());
  }

  /** The page has cameras, and all of WebRTC, on loopback without TLS; elsewhere by an exception. */
  #asSecure() {
    return this.server.host === '127.0.0.1' ? [] : [`--unsafely-treat-insecure-origin-as-secure=${this.server.origin}`];
  }

  async #tabOf(key, launch, options) {
    if (!this.#browsers.has(key)) this.#browsers.set(key, launch());
    return (await this.#browsers.get(key)).tab(options);
  }

  async close() {
    const browsers = await Promise.allSettled(this.#browsers.values());
    await Promise.allSettled(browsers.map(({ value }) => value?.close()));
    await this.server.kill();
    this.#forgetFiles();
  }

  #forgetFiles() {
    fs.rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Runs a test in a house, and shows what the server said if it fails. */
export async function inHouse(options, body) {
  const house = await House.open(options);
  try {
    await body(house);
  } catch (error) {
    console.log(house.server.log.replace(/^/gm, '# server: ').slice(-6_000));
    throw error;
  } finally {
    await house.close();
  }
}
