// Firefox ESR, headless, driven by the WebDriver BiDi protocol that is built into it (W3C webdriver-bidi).
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import WebSocket from 'ws';
import { Tab } from './tab.mjs';
import { probeScript } from './probe.mjs';

const START_MS = 40_000;
const ANSWER_MS = 30_000;

const PREFERENCES = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'media.autoplay.default': 0,
  'media.autoplay.blocking_policy': 0,
  'app.update.enabled': false,
  'app.normandy.enabled': false,
  'browser.region.update.enabled': false,
  'browser.safebrowsing.update.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.update.enabled': false,
  // Cisco's H264 module would be downloaded; the tests use VP8.
  'media.gmp-manager.url': '',
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'network.manage-offline-status': false,
  'network.proxy.type': 0,
  'services.settings.server': 'http://127.0.0.1:9/',
  'toolkit.telemetry.enabled': false,
};

const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

export class Firefox {
  #child;
  #socket;
  #profile;
  #waiting = new Map();
  #lastId = 0;

  static async launch() {
    const firefox = new Firefox();
    firefox.#profile = fs.mkdtempSync(path.join(os.tmpdir(), 'corelay-firefox-'));
    const lines = Object.entries(PREFERENCES).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`);
    fs.writeFileSync(path.join(firefox.#profile, 'user.js'), lines.join('\n'));
    await firefox.#connect(await firefox.#start());
    await firefox.#command('session.new', { capabilities: {} });
    await firefox.#command('script.addPreloadScript', { functionDeclaration: `() => { ${probeScript} }` });
    return firefox;
  }

  /** Starts the process; the address of its BiDi server, on a port of the system's choice. */
  #start() {
    const args = ['--headless', '--no-remote', '--profile', this.#profile, '--remote-debugging-port=0', 'about:blank'];
    const environment = { ...process.env, MOZ_DISABLE_AUTO_SAFE_MODE: '1', HOME: this.#profile };
    this.#child = spawn(process.env.FIREFOX_BIN ?? '/usr/bin/firefox-esr', args, { stdio: ['ignore', 'pipe', 'pipe'], env: environment });
    children.add(this.#child);
    this.#child.once('exit', () => children.delete(this.#child));
    return new Promise((resolve, reject) => {
      let log = '';
      const timer = setTimeout(() => reject(new Error(`Firefox opened no BiDi server: ${log.slice(-500)}`)), START_MS);
      const read = (data) => {
        log += data;
        const found = /WebDriver BiDi listening on (ws:\S+)/.exec(log);
        if (!found) return;
        clearTimeout(timer);
        resolve(found[1]);
      };
      this.#child.stdout.on('data', read);
      this.#child.stderr.on('data', read);
    });
  }

  async #connect(address) {
    this.#socket = new WebSocket(`${address}/session`);
    await new Promise((resolve, reject) => this.#socket.once('open', resolve).once('error', reject));
    this.#socket.on('message', (message) => {
      const { id, type, error, message: reason, result } = JSON.parse(message);
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (type === 'error') waiting?.reject(new Error(`${error}: ${reason}`));
      else waiting?.resolve(result);
    });
  }

  #command(method, params) {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`Firefox did not answer ${method}`)), ANSWER_MS);
      const done = (settle) => (value) => {
        clearTimeout(timer);
        settle(value);
      };
      this.#waiting.set(id, { resolve: done(resolve), reject: done(reject) });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  async tab() {
    const { context } = await this.#command('browsingContext.create', { type: 'tab' });
    const evaluate = async (script, argument) => {
      const answer = await this.#command('script.callFunction', {
        functionDeclaration: `async (text) => JSON.stringify(await (${script})(JSON.parse(text)))`,
        arguments: [{ type: 'string', value: JSON.stringify(argument ?? null) }],
        awaitPromise: true,
        target: { context },
        userActivation: true,
      });
      if (answer.type === 'exception') throw new Error(answer.exceptionDetails.text);
      return answer.result.value === undefined ? undefined : JSON.parse(answer.result.value);
    };
    return new Tab({
      problems: [],
      goto: (url) => this.#command('browsingContext.navigate', { context, url, wait: 'complete' }),
      evaluate,
      click: (selector) => evaluate((wanted) => document.querySelector(wanted).click(), selector),
      close: () => this.#command('browsingContext.close', { context }),
    });
  }

  async close() {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    await this.#command('browser.close', {}).catch(() => {});
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 4_000);
    await ended;
    clearTimeout(timer);
    this.#socket.close();
    fs.rmSync(this.#profile, { recursive: true, force: true });
  }
}
