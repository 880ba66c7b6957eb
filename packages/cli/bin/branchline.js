#!/usr/bin/env -S node --max-semi-space-size=8 --no-turbo-inline-js-wasm-calls
// Launcher. V8's inlining of JS-to-WASM calls can abort the process under Automerge load on Node 20, so it is switched off
// before any WebAssembly is compiled, also when this file is started without its first line. A small young generation
// keeps a node with 10,000 products below 200 MB; it cannot be set later.
import v8 from 'node:v8';

v8.setFlagsFromString('--no-turbo-inline-js-wasm-calls');
await import('../dist/main.js');
