// A program that a measurement starts, and ends by its id whatever happens.
import { spawn } from 'node:child_process';

const END_MAX_MS = 3_000;
const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

export class Program {
  #child;
  #said = '';

  constructor(command, args, options = {}) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
    children.add(this.#child);
    this.ended = new Promise((resolve) => this.#child.once('exit', resolve).once('error', resolve)).finally(() => children.delete(this.#child));
    this.#child.stderr.on('data', (text) => (this.#said = (this.#said + text).slice(-4_000)));
  }

  get input() {
    return this.#child.stdin;
  }

  get output() {
    return this.#child.stdout;
  }

  /** The last of what it complained about. */
  get said() {
    return this.#said;
  }

  async stop() {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), END_MAX_MS);
    await this.ended;
    clearTimeout(timer);
  }
}

/** Whether a program is on the path. */
export function isInstalled(name) {
  return new Promise((resolve) => spawn('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' }).once('exit', (code) => resolve(code === 0)));
}
