/**
 * Loaded into a program before its first line (`--import`): kills it at the Nth operation that matches, as `kill -9` at exactly that
 * instant would. The program itself has no hook for this and does not know.
 *
 * `FAILPOINT` is the JSON of a `Failpoint`. `FAILPOINT_SEEN` names a file outside of the program's data: a line is written to it before
 * the kill, so a test knows that the point was reached. With `FAILPOINT_TRACE` every operation is listed there instead.
 *
 * Operations: those of node:fs/promises that change a disk, by the path they are about; `level-batch` and `level-open`; `socket-write` and
 * `socket-read`, by the port at the other end, for what goes to devices, peers and tills. Does not see what LevelDB writes by itself: strace does.
 */
import { appendFileSync, writeSync } from 'node:fs';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { Socket } from 'node:net';
import { Level } from 'level';

const point = JSON.parse(process.env.FAILPOINT ?? 'null');
const seenFile = process.env.FAILPOINT_SEEN ?? '';
const traceFile = process.env.FAILPOINT_TRACE ?? '';
const pathPattern = new RegExp(point?.path ?? '.');
let left = point?.nth ?? 1;
function die() {
  appendFileSync(
    seenFile,
    `${point.name}
`,
  );
  process.kill(process.pid, 'SIGKILL');
  for (;;) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1e3);
  }
}
function isHere(op, path, content) {
  if (traceFile !== '') {
    const words =
      content === void 0
        ? ''
        : (
            content()
              .toString('latin1')
              .match(/[a-z]+-[a-z]+/g) ?? []
          ).join(' ');
    appendFileSync(
      traceFile,
      `${op} ${path} ${words.slice(0, 200)}
`,
    );
  }
  if (point === null || op !== point.op || !pathPattern.test(path)) {
    return false;
  }
  if (point.contains !== void 0 && content?.().includes(point.contains) !== true) {
    return false;
  }
  left -= 1;
  return left === 0;
}
async function around(op, path, run, content) {
  const hit = isHere(op, path, content);
  if (hit && point.when === 'before') {
    die();
  }
  const result = await run();
  if (hit) {
    die();
  }
  return result;
}
const paths = /* @__PURE__ */ new WeakMap();
const plain = { ...fs };
for (const name of ['rename', 'rm', 'unlink', 'mkdir', 'writeFile', 'copyFile', 'link']) {
  const original = plain[name];
  fs[name] = (...args) =>
    around(name, String(name === 'rename' || name === 'copyFile' ? args[1] : args[0]), () =>
      original(...args),
    );
}
let isWrapped = false;
fs.open = async (path, flags, mode) => {
  const handle = await around(flags === 'ax+' ? 'create' : 'open', String(path), () =>
    plain.open(path, flags, mode),
  );
  paths.set(handle, String(path));
  if (!isWrapped) {
    isWrapped = true;
    wrap(Object.getPrototypeOf(handle));
  }
  return handle;
};
function wrap(prototype) {
  const methods = prototype;
  for (const name of ['datasync', 'sync', 'truncate', 'writeFile', 'write']) {
    const original = methods[name];
    methods[name] = function (...args) {
      const path = paths.get(this) ?? '?';
      const content = name.startsWith('write') ? () => bytesOf(args) : void 0;
      if (name === 'write' && point?.when === 'torn' && isHere(name, path, content)) {
        const bytes = bytesOf(args);
        writeSync(this.fd, bytes, 0, bytes.byteLength >> 1);
        die();
      }
      return around(name, path, () => original.apply(this, args), content);
    };
  }
}
function bytesOf([data, offset, length]) {
  if (typeof data === 'string') {
    return Buffer.from(data);
  }
  const view = data;
  const from = typeof offset === 'number' ? offset : 0;
  const size = typeof length === 'number' ? length : view.byteLength - from;
  return Buffer.from(view.buffer, view.byteOffset + from, size);
}
syncBuiltinESMExports();
const levels = Level.prototype;
for (const [name, op] of [
  ['_batch', 'level-batch'],
  ['_open', 'level-open'],
]) {
  const original = levels[name];
  levels[name] = function (...args) {
    const content =
      op === 'level-batch'
        ? () =>
            Buffer.from(args[0].map(({ key }) => Buffer.from(key).toString('latin1')).join('\n'), 'latin1')
        : void 0;
    return around(op, this.location, () => original.apply(this, args), content);
  };
}
const sockets = Socket.prototype;
const write = sockets.write;
sockets.write = function (...args) {
  const content = () => (args[0] instanceof Uint8Array ? Buffer.from(args[0]) : Buffer.from(String(args[0])));
  const hit = isHere('socket-write', `:${this.remotePort}`, content);
  if (hit && point.when === 'before') {
    die();
  }
  const isRoomLeft = write.apply(this, args);
  if (hit) {
    die();
  }
  return isRoomLeft;
};
const push = sockets.push;
sockets.push = function (...args) {
  if (args[0] instanceof Uint8Array) {
    const bytes = Buffer.from(args[0]);
    const hit = isHere('socket-read', `:${this.remotePort}`, () => bytes);
    if (hit && point.when === 'before') {
      die();
    }
    const more = push.apply(this, args);
    if (hit) {
      die();
    }
    return more;
  }
  return push.apply(this, args);
};
