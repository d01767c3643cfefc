// A SIP client of web pages, on the library "jssip" or "sip.js", wherever it runs: in a browser (page.html) or
// under node (webphone.js).
//
//   settings  {url, user, domain, password, register, keep_alive}
//   tell      function (event, details) that is called with what happens: connected, disconnected, registered,
//             answered, message, error
//
// Both functions return {message(to, text), options(to)}; each ends in one event "answered".  With SIP.js there are
// also watch(to, package) and unwatch(): each NOTIFY is an event "presence" with the state of the subscription and the
// document; and publish(to, document), which ends in an event "published".

const uriOf = (settings) => `sip:${settings.user}@${settings.domain}`;

export function withJssip(JsSIP, settings, tell) {
  const ua = new JsSIP.UA({
    sockets: [new JsSIP.WebSocketInterface(settings.url)],
    uri: uriOf(settings), password: settings.password || '', register: settings.register, register_expires: 600,
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

export function withSipjs({ UserAgent, Registerer, Messager, Publisher, Subscriber }, settings, tell) {
  const uri = uriOf(settings);
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
  let subscriber = null;
  let publisher = null;
  return {
    watch: (to, what) => {
      subscriber = new Subscriber(ua, UserAgent.makeURI(to), what, { expires: 600 });
      subscriber.delegate = { onNotify: (notification) => {
        const { request } = notification;
        tell('presence', { state: request.getHeader('Subscription-State'), document: request.body });
        notification.accept();
      } };
      subscriber.subscribe();
    },
    publish: (to, text) => {
      if (!publisher) {
        publisher = new Publisher(ua, UserAgent.makeURI(to), 'presence', { contentType: 'application/pidf+xml' });
        // It tells nobody of the answers to a change.
        const receive = publisher.receiveResponse.bind(publisher);
        publisher.receiveResponse = (response) => {
          receive(response);
          if (response.statusCode >= 200) tell('published', { code: response.statusCode });
        };
      }
      publisher.publish(text);
    },
    unwatch: () => subscriber.unsubscribe(),
    message: (to, text) => new Messager(ua, UserAgent.makeURI(to), text).message({ requestDelegate: delegate }),
    options: (to) => {
      const core = ua.userAgentCore;
      const target = UserAgent.makeURI(to);
      const request = core.makeOutgoingRequestMessage('OPTIONS', target, UserAgent.makeURI(uri), target, {});
      core.request(request, delegate);
    },
  };
}
