// The same with the library "smpp": node smpp_ends.js server|client PORT MESSAGES WINDOW (see smpp_ends.py).
'use strict';
const smpp = require('smpp');
const [side, port, messages, window] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const TEXT = Buffer.from('What is in a name? That which we call a rose by any other name').subarray(0, 59);

if (side === 'server') {
  let count = 0;
  smpp.createServer((session) => {
    session.on('bind_transceiver', (pdu) => session.send(pdu.response({ system_id: 'smsc' })));
    session.on('submit_sm', (pdu) => {
      count += 1;
      session.send(pdu.response({ message_id: String(count).padStart(10, '0') }));
    });
    session.on('error', () => session.close());
  }).listen(port, '127.0.0.1', () => console.log('ready'));
} else {
  const session = smpp.connect({ url: `smpp://127.0.0.1:${port}` }, () => {
    session.bind_transceiver({ system_id: 'iwf', password: 'secret' }, () => {
      const began = process.hrtime.bigint();
      const cpu = process.cpuUsage();
      let left = messages;
      let waiting = messages;
      const send = () => {
        if (!left) return;
        left -= 1;
        session.submit_sm({
          source_addr_ton: 5, source_addr: 'X000000001', dest_addr_ton: 1, dest_addr_npi: 1,
          destination_addr: `49170${String(left).padStart(7, '0')}`, registered_delivery: 1, short_message: TEXT,
        }, () => {
          waiting -= 1;
          if (waiting) return send();
          const used = process.cpuUsage(cpu);
          console.log(Number(process.hrtime.bigint() - began) / 1e9, (used.user + used.system) / 1e6);
          process.exit(0);
        });
      };
      for (let i = 0; i < window; i += 1) send();
    });
  });
}
