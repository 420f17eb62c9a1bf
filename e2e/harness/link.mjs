// A bad network between the server and a browser: the browser lives in a namespace of its own, behind link.py.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { until } from './time.mjs';

/** The server's address on the link. */
export const NEAR_ADDRESS = '10.96.7.1';

export class Link {
  #holder;
  #process;
  #said = '';
  #directory = fs.mkdtempSync(path.join(os.tmpdir(), 'corelay-link-'));

  /** For a process that lives in a namespace of its own: see `runInNamespace`. */
  static async open() {
    const link = new Link();
    // Keeps the far namespace there; its input ends with ours.
    link.#holder = spawn('unshare', ['--net', 'cat'], { stdio: ['pipe', 'ignore', 'inherit'] });
    process.once('exit', () => link.#end());
    await until('the far namespace', () => namespaceOf(link.#holder.pid) !== namespaceOf('self'));
    const script = path.join(import.meta.dirname, 'link.py');
    link.#process = spawn('python3', [script, `${process.pid}`, `${link.#holder.pid}`], { stdio: ['pipe', 'pipe', 'inherit'] });
    link.#process.stdout.on('data', (text) => (link.#said += text));
    await until('the link', () => link.#said.includes('ready'));
    return link;
  }

  /** `rate` in kbit/s, `loss` in percent each way, `delay` in ms each way, `queue` in ms. What is not named stays. */
  set(knobs) {
    this.#process.stdin.write(`${Object.entries(knobs).map(([name, value]) => `${name}=${value}`).join(' ')}\n`);
  }

  /** A program that runs another one on the far side. */
  executable(program) {
    const file = path.join(this.#directory, path.basename(program));
    fs.writeFileSync(file, `#!/bin/sh\nexec nsenter --net=/proc/${this.#holder.pid}/ns/net ${program} "$@"\n`, { mode: 0o755 });
    return file;
  }

  /** What passed, what was lost and what found the queue full. */
  async close() {
    this.#process.stdin.end();
    await until('the end of the link', () => this.#said.includes('link {'));
    this.#end();
    return this.#said.split('\n').find((line) => line.startsWith('link'));
  }

  #end() {
    this.#holder.kill('SIGKILL');
    this.#process?.kill('SIGKILL');
    fs.rmSync(this.#directory, { recursive: true, force: true });
  }
}

function namespaceOf(pid) {
  try {
    return fs.readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return fs.readlinkSync('/proc/self/ns/net');
  }
}
