// limit: 8 s
// Starts a program that would outlive it; the program prints the port it listens on.
import { spawn } from 'node:child_process';
import { suite } from 'uvu';

const SERVER = `
const server = require('node:net').createServer().listen(0, '127.0.0.1', () => {
  console.log('listening on ' + server.address().port);
});`;

const test = suite('orphan');
test('starts a program and waits for it', () => {
  const child = spawn(process.execPath, ['-e', SERVER], { stdio: 'inherit' });
  return new Promise((settle) => child.once('exit', settle));
});
test.run();
