// A SIP client as it runs in a web page (phone.mjs), under node, driven by tests/peers/webphone.py.
//
//   node webphone.js '{"library": "jssip", "url": "wss://...", "user": ..., "domain": ..., "password": ..., "register": false}'
//
// Orders are lines of JSON on standard input:
//   {"do": "message", "to": "sip:...", "text": "..."}    answered by an event "answered"
//   {"do": "options", "to": "sip:..."}                   the same
//   {"do": "watch", "to": "sip:...", "text": "presence"}, {"do": "unwatch"}
//                                                        SIP.js only; each NOTIFY is an event "presence"
//   {"do": "publish", "to": "sip:...", "text": "<..."}   SIP.js only; answered by an event "published"
// Events are lines of JSON on standard output: connected, disconnected, registered, answered, message, error.
'use strict';
const readline = require('readline');
const { pathToFileURL } = require('url');

// What these libraries take from the browser.
globalThis.WebSocket = require('ws');
globalThis.window = globalThis;
globalThis.addEventListener = () => {};
globalThis.removeEventListener = () => {};
if (!globalThis.navigator) globalThis.navigator = { userAgent: 'node' };

const settings = JSON.parse(process.argv[2]);
const tell = (event, more = {}) => console.log(JSON.stringify({ event, ...more }));

async function begin() {
  const { withJssip, withSipjs } = await import('./phone.mjs');
  if (settings.library === 'jssip') return withJssip(require('jssip'), settings, tell);
  // An ES module, which only newer versions of node take by require, and none finds by NODE_PATH.
  return withSipjs(await import(pathToFileURL(require.resolve('sip.js')).href), settings, tell);
}

const phone = begin();
phone.catch((error) => tell('error', { why: String(error) }));
readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  const order = JSON.parse(line);
  try {
    (await phone)[order.do](order.to, order.text);
  } catch (error) {
    tell('error', { why: String(error) });
  }
}).on('close', () => process.exit(0));
