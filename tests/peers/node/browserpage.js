// A page of headless Chromium with a library, driven in the same way as webphone.js: SIP.js by tests/peers/webphone.py,
// Converse by tests/peers/converse.py.
//
//   node browserpage.js '{"browser": "/usr/bin/chromium", "page": "page.html", "library": "sip.js", ...}'
//
// Serves the page and the library on a port of its own, and talks with the page by WebSocket, which is sent the settings
// first and then the orders, and answers with events.
'use strict';
const fs = require('fs');
const http = require('http');
const path = require('path');
const readline = require('readline');
const { spawn } = require('child_process');
const { WebSocketServer } = require('ws');

const settings = JSON.parse(process.argv[2]);
const library = path.dirname(path.dirname(require.resolve(settings.library)));
const TYPES = {
  '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css', '.json': 'application/json',
};
const OPTIONS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-proxy-server',
];

function fileOf(url) {
  if (url === '/') return path.join(__dirname, settings.page);
  if (url === '/phone.mjs') return path.join(__dirname, 'phone.mjs');
  return path.join(library, path.normalize(url.split('?')[0]).replace(`/${settings.library}/`, ''));
}

const server = http.createServer((request, response) => {
  const file = fileOf(request.url);
  fs.readFile(file, (error, octets) => {
    response.writeHead(error ? 404 : 200, { 'Content-Type': TYPES[path.extname(file)] || 'application/octet-stream' });
    response.end(octets);
  });
});

const orders = [];
let page = null;
const order = (what) => (page ? page.send(JSON.stringify(what)) : orders.push(what));

new WebSocketServer({ server }).on('connection', (connection) => {
  page = connection;
  connection.on('message', (data) => console.log(String(data)));
  order({ do: 'begin', settings });
  orders.splice(0).forEach(order);
});

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const profile = `--user-data-dir=${path.join(process.cwd(), 'profile')}`;
  const browser = spawn(settings.browser, [...OPTIONS, profile, `http://localhost:${port}/`], { stdio: ['ignore', 2, 2] });
  browser.on('exit', (code) => {
    console.log(JSON.stringify({ event: 'error', why: `the browser ended with ${code}` }));
    process.exit(1);
  });
  const end = () => { browser.removeAllListeners('exit'); browser.kill(); process.exit(0); };
  process.on('SIGTERM', end);
  readline.createInterface({ input: process.stdin }).on('line', (line) => order(JSON.parse(line))).on('close', end);
});
