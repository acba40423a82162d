// Runs kinesis-local on 127.0.0.1 until standard input ends: it never outlives whoever started it, however that one died. By itself it listens on all
// interfaces and has no setting for that.
const exit = process.exit.bind(process); // main.js puts its own in the place, which waits for open connections
const net = require('net');
const path = require('path');

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (first, ...rest) {
  if (typeof first === 'object' && first !== null) return listen.call(this, { ...first, host: '127.0.0.1' }, ...rest);
  return listen.call(this, first, '127.0.0.1', ...rest.filter((argument) => typeof argument === 'function'));
};
process.stdin.on('end', () => exit(0)).resume();
require(path.resolve('main.js'));
