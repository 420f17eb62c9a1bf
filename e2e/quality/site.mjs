// Serves the page, bundled with the libraries that it uses.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { build } from 'esbuild';

const PAGE = path.join(import.meta.dirname, 'page');

export async function openSite() {
  const { outputFiles } = await build({
    entryPoints: [path.join(PAGE, 'main.mjs')], bundle: true, format: 'esm', target: 'chrome120', write: false, logLevel: 'error', nodePaths: [path.join(import.meta.dirname, '../node_modules')],
  });
  const files = { '/': ['text/html', fs.readFileSync(path.join(PAGE, 'index.html'))], '/main.js': ['text/javascript', outputFiles[0].contents] };
  const server = http.createServer((request, answer) => {
    const [type, body] = files[request.url] ?? [];
    if (body) answer.setHeader('content-type', type).end(body);
    else answer.writeHead(404).end();
  });
  await new Promise((resolve) => server.listen(0, '0.0.0.0', resolve));
  return { origin: (host) => `http://${host}:${server.address().port}`, close: () => server.close() };
}
