#!/usr/bin/env node
// Launcher. V8's inlining of JS-to-WASM calls can abort the process under Automerge load on Node 20, so it is switched
// off before any WebAssembly is compiled.
import v8 from 'node:v8';

v8.setFlagsFromString('--no-turbo-inline-js-wasm-calls');
await import('../dist/main.js');
