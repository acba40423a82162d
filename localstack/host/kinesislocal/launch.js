// Runs kinesis-local until standard input ends, so that it never outlives the process that started it. It makes kinesis-local
// listen only on 127.0.0.1: by default it listens on all interfaces, and it has no setting for that.
const exit = process.exit.bind(process); // main.js replaces it by one that waits for open connections
const net = require('net');
const path = require('path');

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (first, ...rest) {
  if (typeof first === 'object' && first !== null) return listen.call(this, { ...first, host: '127.0.0.1' }, ...rest);
  return listen.call(this, first, '127.0.0.1', ...rest.filter((argument) => typeof argument === 'function'));
};
process.stdin.on('end', () => exit(0)).resume();
require(path.resolve('main.js'));
