// Makes a server listen only on 127.0.0.1: by default kinesis-local listens on all interfaces, and it has no setting
// for that. Also ends the server once the process that started it is gone.
const net = require('net');

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (first, ...rest) {
  if (typeof first === 'object' && first !== null) return listen.call(this, { ...first, host: '127.0.0.1' }, ...rest);
  return listen.call(this, first, '127.0.0.1', ...rest.filter((argument) => typeof argument === 'function'));
};

const exit = process.exit.bind(process); // main.js replaces it by one that waits for open connections
const parent = process.ppid;
setInterval(() => process.ppid === parent || exit(1), 500).unref();
