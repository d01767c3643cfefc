// SIP.js in a page of headless Chromium, driven by tests/peers/webphone.py in the same way as webphone.js.
//
//   node browserphone.js '{"browser": "/usr/bin/chromium", "url": ..., "user": ..., ...}'
//
// Serves the page and the library on a port of its own, and talks with the page by WebSocket.
'use strict';
const fs = require('fs');
const http = require('http');
const path = require('path');
const readline = require('readline');
const { spawn } = require('child_process');
const { WebSocketServer } = require('ws');

const settings = JSON.parse(process.argv[2]);
const library = path.dirname(path.dirname(require.resolve('sip.js')));
const OPTIONS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-proxy-server',
];

function fileOf(url) {
  if (url === '/') return [path.join(__dirname, 'page.html'), 'text/html'];
  if (url === '/phone.mjs') return [path.join(__dirname, 'phone.mjs'), 'text/javascript'];
  const file = path.join(library, path.normalize(url).replace(/^\/sip\.js\//, ''));
  return [file, 'text/javascript'];
}

const server = http.createServer((request, response) => {
  const [file, type] = fileOf(request.url);
  fs.readFile(file, (error, octets) => {
    response.writeHead(error ? 404 : 200, { 'Content-Type': type });
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
