// Debian's Chromium, headless, with a film and a sound for camera and microphone.
import fs from 'node:fs';
import { chromium } from 'playwright-core';
import { Tab } from './tab.mjs';
import { probeScript } from './probe.mjs';

const ARGUMENTS = [
  '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--autoplay-policy=no-user-gesture-required', '--disable-background-timer-throttling', '--disable-renderer-backgrounding',
  '--disable-backgrounding-occluded-windows',
];
const EXECUTABLES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export class Chromium {
  #browser;
  #contexts = new Set();

  /** `media`: what `writeMedia` gave, or nothing for a browser without camera whose permission prompt is never answered. `link`: it lives on its far side. */
  static async launch({ media, args = [], link } = {}) {
    const chosen = process.env.CHROMIUM_BIN ?? EXECUTABLES.find((file) => fs.existsSync(file));
    const executablePath = link?.executable(chosen) ?? chosen;
    const devices = media
      ? ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', `--use-file-for-fake-video-capture=${media.film}`, `--use-file-for-fake-audio-capture=${media.sound}`]
      : [];
    const chromiumInstance = new Chromium();
    chromiumInstance.#browser = await chromium.launch({ executablePath, headless: true, chromiumSandbox: false, timeout: 30_000, args: [...ARGUMENTS, ...devices, ...args] });
    return chromiumInstance;
  }

  /** A tab with cookies and storage of its own. */
  async tab({ viewport = { width: 1280, height: 800 }, deviceScaleFactor = 1 } = {}) {
    const context = await this.#browser.newContext({ viewport, deviceScaleFactor });
    this.#contexts.add(context);
    await context.addInitScript(probeScript);
    const page = await context.newPage();
    const problems = [];
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    const driver = {
      page,
      problems,
      goto: (url) => page.goto(url, { timeout: 20_000 }),
      evaluate: (script, argument) => page.evaluate(script, argument),
      click: (selector) => page.click(selector, { timeout: 5_000 }),
      close: () => context.close(),
    };
    return new Tab(driver);
  }

  get version() {
    return this.#browser.version();
  }

  async close() {
    await this.#browser.close();
  }
}
