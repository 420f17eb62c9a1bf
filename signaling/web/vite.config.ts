import { defineConfig } from 'vite';

// The server embeds dist/ and sends a strict Content-Security-Policy, so nothing may be inlined: no data: URLs, no inline script.
// File names carry no hash of the machine: the same source gives the same bytes (CI builds again and compares).
export default defineConfig({
  base: '/',
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: false,
    sourcemap: false,
    license: { fileName: 'licenses.md' },
    chunkSizeWarningLimit: 800,
  },
  server: {
    // `npm run dev` beside a server that runs on its default port.
    proxy: { '/ws': { target: 'ws://127.0.0.1:3001', ws: true }, '/api': 'http://127.0.0.1:3001' },
  },
});
