// A test SMSC on the library "smpp", driven by tests/peers/smsc.py.
//
//   node smsc.js SMPP_PORT HTTP_PORT '{"system_id": "password", ...}'
//
// Each event is a line of JSON on standard output.  Control is by POST of JSON over HTTP:
//   /set {knob: value, ...}   answers all knobs (below)
//   /mo {from, to, text | hex + data_coding + esm_class, long: "udh" | "payload", bind, tag}   a text from a phone;
//                             bind: over which one (0 by default); tag: comes back with the answer
//   /receipt {id, state}      a receipt out of turn
//   /drop {mode: "fin" | "reset" | "silent"}   lose all sessions
//   /unbind {}                say goodbye on all sessions
//   /sessions {}              who is bound
'use strict';
const http = require('http');
const smpp = require('smpp');

const HOST = '127.0.0.1';
const [smppPort, httpPort] = process.argv.slice(2, 4).map(Number);
const accounts = JSON.parse(process.argv[4]);

const knobs = {
  bind_status: 0, // every bind is answered with this
  id_base: 1000, // ids count from here; an SMSC that comes back must not give out the old ones again
  id_format: 'decimal', // decimal | hex | hex_then_decimal (receipt unlike response) | uuid
  respond: true, // answer submit_sm at all
  response_delay: 0, // milliseconds
  fail_next: 0, // that many submits are answered with fail_status
  fail_status: 0x58,
  throttle: 0, // submits per second above which ESME_RTHROTTLED is answered; 0 is no limit
  receipt_state: 'DELIVRD', // what becomes of each text; '' sends no receipts
  receipt_next: '', // what becomes of the next text alone
  receipt_error: '000',
  receipt_delay: 50, // milliseconds
  receipt_first: false, // the receipt goes out before the response
  receipt_tlvs: true, // receipted_message_id and message_state beside the text
};

const STATES = { ENROUTE: 1, DELIVRD: 2, EXPIRED: 3, DELETED: 4, UNDELIV: 5, ACCEPTD: 6, UNKNOWN: 7, REJECTD: 8 };
const ESM_RECEIPT = 0x04;
const ESM_UDH = 0x40;
const ESME_RINVBNDSTS = 0x04;
const ESME_RALYBND = 0x05;
const ESME_RINVPASWD = 0x0e;
const ESME_RINVSYSID = 0x0f;
const ESME_RTHROTTLED = 0x58;
const SEGMENT = { 0: 153, 8: 134 }; // octets of a part beside a six-octet header

// User data goes through as octets, both ways.
for (const name of ['submit_sm', 'deliver_sm', 'data_sm']) {
  if (smpp.commands[name].params.short_message) delete smpp.commands[name].params.short_message.filter;
}
delete smpp.tlvs.message_payload.filter;
smpp.PDU.maxLength = 70000; // the library stops at 16384, too little for message_payload

const sessions = new Set();
const messages = new Map();
let taken = 0;
let nextReference = 1;
let second = 0;
let submitsInSecond = 0;

function report(event, details) {
  process.stdout.write(JSON.stringify({ event, ...details }) + '\n');
}

// Sessions

function open(session) {
  sessions.add(session);
  session.on('close', () => {
    sessions.delete(session);
    report('closed', { system_id: session.systemId });
  });
  session.on('error', (error) => {
    report('session_error', { text: String(error) });
    session.destroy();
  });
  session.on('bind_transmitter', (pdu) => bind(session, pdu, 'transmitter'));
  session.on('bind_receiver', (pdu) => bind(session, pdu, 'receiver'));
  session.on('bind_transceiver', (pdu) => bind(session, pdu, 'transceiver'));
  session.on('submit_sm', (pdu) => submit(session, pdu));
  session.on('enquire_link', (pdu) => answer(session, pdu));
  session.on('unbind', (pdu) => {
    report('unbind', { system_id: session.systemId });
    answer(session, pdu);
    session.close();
  });
}

function answer(session, pdu, values) {
  if (!session.silent && session.socket.writable) session.send(pdu.response(values || {}));
}

function bindStatus(session, pdu) {
  if (knobs.bind_status) return knobs.bind_status;
  if (session.kind) return ESME_RALYBND;
  if (!(pdu.system_id in accounts)) return ESME_RINVSYSID;
  return accounts[pdu.system_id] === pdu.password ? 0 : ESME_RINVPASWD;
}

function bind(session, pdu, kind) {
  const status = bindStatus(session, pdu);
  report('bind', { kind, system_id: pdu.system_id, status, version: pdu.interface_version });
  if (status) {
    answer(session, pdu, { command_status: status });
    setTimeout(() => session.close(), 50);
    return;
  }
  session.systemId = pdu.system_id;
  session.kind = kind;
  answer(session, pdu, { system_id: 'TESTSMSC', sc_interface_version: 0x34 });
}

function receivers() {
  return [...sessions].filter((s) => (s.kind === 'receiver' || s.kind === 'transceiver') && !s.silent);
}

// Texts to phones

function submitStatus() {
  if (knobs.fail_next > 0) {
    knobs.fail_next -= 1;
    return knobs.fail_status;
  }
  const now = Math.floor(Date.now() / 1000);
  submitsInSecond = now === second ? submitsInSecond + 1 : 1;
  second = now;
  return knobs.throttle && submitsInSecond > knobs.throttle ? ESME_RTHROTTLED : 0;
}

function makeIds() {
  const number = knobs.id_base + taken++;
  const decimal = String(number);
  const hex = number.toString(16).toUpperCase();
  switch (knobs.id_format) {
    case 'hex': return [hex, hex];
    case 'hex_then_decimal': return [hex, decimal];
    case 'uuid': {
      const uuid = require('crypto').randomUUID();
      return [uuid, uuid];
    }
    default: return [decimal, decimal];
  }
}

function submit(session, pdu) {
  if (session.silent) return;
  if (session.kind !== 'transmitter' && session.kind !== 'transceiver') {
    answer(session, pdu, { command_status: ESME_RINVBNDSTS });
    return;
  }
  const status = submitStatus();
  const data = pdu.short_message && pdu.short_message.length ? pdu.short_message : pdu.message_payload || Buffer.alloc(0);
  const [id, receiptId] = status ? [null, null] : makeIds();
  report('submit_sm', { id, status, ...described(pdu, data) });
  const respond = () => {
    if (knobs.respond) answer(session, pdu, status ? { command_status: status } : { message_id: id });
  };
  if (status) {
    setTimeout(respond, knobs.response_delay);
    return;
  }
  const message = { id: receiptId, from: pdu.source_addr, to: pdu.destination_addr, pdu, at: new Date() };
  messages.set(id, message);
  const wanted = (pdu.registered_delivery & 1) === 1 && knobs.receipt_state;
  const once = knobs.receipt_next;
  knobs.receipt_next = '';
  const notify = () => sendReceipt(message, once || knobs.receipt_state);
  if (wanted && knobs.receipt_first) {
    notify();
    setTimeout(respond, Math.max(20, knobs.response_delay));
    return;
  }
  if (knobs.response_delay) setTimeout(respond, knobs.response_delay);
  else respond();
  if (wanted) setTimeout(notify, knobs.response_delay + knobs.receipt_delay);
}

function described(pdu, data) {
  const header = pdu.esm_class & ESM_UDH ? data[0] + 1 : 0;
  const body = data.slice(header);
  return {
    from: pdu.source_addr, source_ton: pdu.source_addr_ton, source_npi: pdu.source_addr_npi,
    to: pdu.destination_addr, dest_ton: pdu.dest_addr_ton, dest_npi: pdu.dest_addr_npi,
    esm_class: pdu.esm_class, data_coding: pdu.data_coding, registered_delivery: pdu.registered_delivery,
    validity_period: pdu.validity_period ? String(pdu.validity_period) : '',
    hex: data.toString('hex'), text: decode(body, pdu.data_coding),
    sar: pdu.sar_total_segments === undefined ? null : [pdu.sar_msg_ref_num, pdu.sar_segment_seqnum, pdu.sar_total_segments],
    udh: header ? data.slice(0, header).toString('hex') : '',
  };
}

function decode(octets, dataCoding) {
  if (dataCoding === 8) return Buffer.from(octets).swap16().toString('utf16le');
  return dataCoding === 0 ? smpp.encodings.ASCII.decode(octets) : octets.toString('latin1');
}

function stamp(date) {
  return date.toISOString().replace(/\D/g, '').slice(2, 12);
}

function sendReceipt(message, state) {
  const [session] = receivers();
  if (!session) {
    report('receipt_without_session', { id: message.id });
    return;
  }
  const { pdu } = message;
  const delivered = state === 'DELIVRD' ? '001' : '000';
  const text = `id:${message.id} sub:001 dlvrd:${delivered} submit date:${stamp(message.at)} ` +
    `done date:${stamp(new Date())} stat:${state} err:${knobs.receipt_error} text:`;
  const values = {
    source_addr_ton: pdu.dest_addr_ton, source_addr_npi: pdu.dest_addr_npi, source_addr: message.to,
    dest_addr_ton: pdu.source_addr_ton, dest_addr_npi: pdu.source_addr_npi, destination_addr: message.from,
    esm_class: ESM_RECEIPT, short_message: Buffer.from(text, 'latin1'),
  };
  if (knobs.receipt_tlvs) {
    values.receipted_message_id = message.id;
    values.message_state = STATES[state];
  }
  report('receipt', { id: message.id, state });
  session.deliver_sm(values, (response) => report('receipt_answered', { id: message.id, status: response.command_status }));
}

// Texts from phones

function encode(request) {
  if (request.hex !== undefined) return [request.data_coding || 0, Buffer.from(request.hex, 'hex')];
  const text = request.text || '';
  if (smpp.encodings.ASCII.match(text)) return [0, smpp.encodings.ASCII.encode(text)];
  return [8, Buffer.from(text, 'utf16le').swap16()];
}

function segments(data, dataCoding) {
  const room = SEGMENT[dataCoding] || 134;
  const count = Math.ceil(data.length / room);
  const reference = nextReference++ & 0xff;
  return Array.from({ length: count }, (_, index) =>
    Buffer.concat([Buffer.from([5, 0, 3, reference, count, index + 1]), data.slice(index * room, (index + 1) * room)]));
}

function fromPhone(request) {
  const open = receivers();
  if (!open.length) return { error: 'nobody is bound to receive' };
  const session = open[(request.bind || 0) % open.length];
  const [dataCoding, data] = encode(request);
  const to = String(request.to);
  const alphanumeric = /[^0-9]/.test(to);
  const common = {
    source_addr_ton: 1, source_addr_npi: 1, source_addr: String(request.from),
    dest_addr_ton: request.dest_ton ?? (alphanumeric ? 5 : 1), dest_addr_npi: request.dest_npi ?? (alphanumeric ? 0 : 1),
    destination_addr: to, data_coding: dataCoding, esm_class: 0,
  };
  let parts = [{ short_message: data, esm_class: request.esm_class || 0 }];
  if (request.long === 'udh') parts = segments(data, dataCoding).map((part) => ({ short_message: part, esm_class: ESM_UDH }));
  if (request.long === 'payload') parts = [{ short_message: Buffer.alloc(0), message_payload: data }];
  for (const part of parts) {
    session.deliver_sm({ ...common, ...part }, (response) =>
      report('mo_answered', { from: common.source_addr, to, status: response.command_status, tag: request.tag }));
  }
  return { parts: parts.length };
}

// Control

function drop(mode) {
  for (const session of [...sessions]) {
    if (mode === 'silent') session.silent = true;
    else if (mode === 'reset') session.socket.resetAndDestroy();
    else session.close();
  }
}

const calls = {
  '/set': (request) => {
    for (const name of Object.keys(request)) if (!(name in knobs)) throw new Error(`no knob ${name}`);
    return Object.assign(knobs, request);
  },
  '/mo': fromPhone,
  '/receipt': ({ id, state }) => {
    if (!messages.has(id)) throw new Error(`no message ${id}`);
    sendReceipt(messages.get(id), state || 'DELIVRD');
    return {};
  },
  '/drop': ({ mode }) => {
    drop(mode || 'fin');
    return {};
  },
  '/unbind': () => {
    for (const session of [...sessions]) if (session.kind) session.unbind({}, () => session.close());
    return {};
  },
  '/sessions': () => [...sessions].filter((s) => s.kind).map((s) => ({ system_id: s.systemId, kind: s.kind, silent: Boolean(s.silent) })),
};

http.createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk)).on('end', () => {
    let status = 200;
    let result;
    try {
      if (!calls[request.url]) throw new Error(`no call ${request.url}`);
      result = calls[request.url](JSON.parse(Buffer.concat(chunks).toString() || '{}'));
    } catch (error) {
      status = 400;
      result = { error: String(error) };
    }
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(result));
  });
}).listen(httpPort, HOST);
smpp.createServer({}, open).listen(smppPort, HOST);
