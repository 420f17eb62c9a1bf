// A network of one's own, with an interface beside loopback. It ends with the last process in it, and nothing leaves it.
import { spawn } from 'node:child_process';

/** The address that is not loopback. */
export const NAMESPACE_ADDRESS = '10.77.0.1';

const SETUP = [
  'ip link set lo up',
  'ip link add inner0 type veth peer name inner1',
  `ip addr add ${NAMESPACE_ADDRESS}/24 dev inner0`,
  'ip link set inner0 up',
  'ip link set inner1 up',
  // Firefox takes the addresses of the interface that has the default route.
  'ip route add default dev inner0',
].join(' && ');

/** Runs a script of Node in a namespace, its output in ours. Its exit code. */
export function runInNamespace(script, args = []) {
  const { NODE_TEST_CONTEXT, ...environment } = process.env;
  const child = spawn('unshare', ['--net', 'sh', '-c', `PATH=$PATH:/usr/sbin:/sbin; ${SETUP} && exec "$@"`, 'sh', process.execPath, script, ...args], { stdio: ['ignore', 'pipe', 'inherit'], env: environment });
  process.once('exit', () => child.kill('SIGKILL'));
  child.stdout.on('data', (text) => process.stdout.write(text));
  return new Promise((resolve, reject) => child.once('error', reject).once('exit', (code, signal) => resolve(signal ?? code)));
}
