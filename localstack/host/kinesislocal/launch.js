// Runs kinesis-local until standard input ends.
const exit = process.exit.bind(process); // main.js replaces it by one that waits for open connections
const path = require('path');

require('./loopback.js');
process.stdin.on('end', () => exit(0)).resume();
require(path.resolve('main.js'));
