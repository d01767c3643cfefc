// A SIP client as it runs in a web page, on the library "jssip" or "sip.js", driven by
// tests/peers/webphone.py.
//
//   node webphone.js '{"library": "jssip", "url": "wss://...", "user": ..., "domain": ..., "password": ..., "register": false}'
//
// Orders are lines of JSON on standard input:
//   {"do": "message", "to": "sip:...", "text": "..."}    answered by an event "answered"
//   {"do": "options", "to": "sip:..."}                   the same
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
const uri = `sip:${settings.user}@${settings.domain}`;

function withJssip() {
  const JsSIP = require('jssip');
  const ua = new JsSIP.UA({
    sockets: [new JsSIP.WebSocketInterface(settings.url)],
    uri, password: settings.password || '', register: settings.register, register_expires: 600,
  });
  ua.on('connected', () => tell('connected'));
  ua.on('disconnected', (e) => tell('disconnected', { why: String(e && e.reason) }));
  ua.on('registered', () => tell('registered'));
  ua.on('registrationFailed', (e) => tell('error', { why: String(e.cause) }));
  ua.on('newMessage', (e) => {
    if (e.originator !== 'remote') return;
    tell('message', { from: e.request.from.uri.toString(), text: e.request.body });
  });
  const handlers = {
    succeeded: (e) => tell('answered', { code: e.response.status_code }),
    failed: (e) => tell('answered', { code: e.response ? e.response.status_code : 0, why: e.cause }),
  };
  ua.start();
  return {
    message: (to, text) => ua.sendMessage(to, text, { eventHandlers: handlers }),
    options: (to) => ua.sendOptions(to, null, { eventHandlers: handlers }),
  };
}

async function withSipjs() {
  // An ES module, which only newer versions of node take by require, and none finds by NODE_PATH.
  const { UserAgent, Registerer, Messager } = await import(pathToFileURL(require.resolve('sip.js')).href);
  const ua = new UserAgent({
    uri: UserAgent.makeURI(uri),
    authorizationUsername: settings.user,
    authorizationPassword: settings.password || '',
    transportOptions: { server: settings.url, keepAliveInterval: settings.keep_alive || 0 },
    logBuiltinEnabled: false,
    sessionDescriptionHandlerFactory: () => { throw new Error('there is no media here'); },
    delegate: {
      onConnect: () => tell('connected'),
      onDisconnect: (e) => tell('disconnected', { why: String(e) }),
      onMessage: (message) => {
        tell('message', { from: message.request.from.uri.toString(), text: message.request.body });
        message.accept();
      },
    },
  });
  const delegate = {
    onAccept: (response) => tell('answered', { code: response.message.statusCode }),
    onReject: (response) => tell('answered', { code: response.message.statusCode }),
  };
  ua.start().then(() => settings.register && new Registerer(ua, { expires: 600 }).register({
    requestDelegate: { onAccept: () => tell('registered'), onReject: (r) => tell('error', { why: r.message.reasonPhrase }) },
  })).catch((e) => tell('error', { why: String(e) }));
  return {
    message: (to, text) => new Messager(ua, UserAgent.makeURI(to), text).message({ requestDelegate: delegate }),
    options: (to) => {
      const core = ua.userAgentCore;
      const target = UserAgent.makeURI(to);
      const request = core.makeOutgoingRequestMessage('OPTIONS', target, UserAgent.makeURI(uri), target, {});
      core.request(request, delegate);
    },
  };
}

const phone = Promise.resolve(settings.library === 'jssip' ? withJssip() : withSipjs());
phone.catch((error) => tell('error', { why: String(error) }));
readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  const order = JSON.parse(line);
  try {
    (await phone)[order.do](order.to, order.text);
  } catch (error) {
    tell('error', { why: String(error) });
  }
}).on('close', () => process.exit(0));
