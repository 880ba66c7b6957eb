#!/usr/bin/env -S node --max-semi-space-size=8 --no-turbo-inline-js-wasm-calls
// Launcher. V8's inlining of JS-to-WASM calls can abort the process under Automerge load on Node 20, so it is switched off
// before any WebAssembly is compiled, also when this file is started without its first line. A small young generation
// keeps a node with 10,000 products below 200 MB; it cannot be set later.
//
// A node's heap is its catalog, about 50 MB, and what sales leave behind. Left alone, V8 lets that grow to twice as much before
// it looks; collecting after a third costs 5 % of the processor under a flood of sales and saves 25 MB.
import v8 from 'node:v8';

v8.setFlagsFromString('--no-turbo-inline-js-wasm-calls');
if (process.argv[2] === 'node') {
  v8.setFlagsFromString('--heap-growing-percent=30');
}
await import('../dist/main.js');
