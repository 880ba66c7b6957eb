/**
 * Floor (b): an express handler that parses JSON, appends the body, syncs, and answers. What any program in this language
 * pays for a durable sale over HTTP before it does anything useful.
 */
import type { AddressInfo } from 'node:net';
import express from 'express';
import { GroupAppend } from '../system/group-append.ts';

const [path = 'http-floor.log'] = process.argv.slice(2);
const file = await GroupAppend.open(path);
const app = express();
app.disable('x-powered-by');
app.use(express.json());
app.post('/v1/orders', async (request, response) => {
  await file.append(Buffer.from(JSON.stringify(request.body)));
  response.status(201).json({ state: 'accepted' });
});
const server = app.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ event: 'listening', url: `http://127.0.0.1:${port}` })}\n`);
});
