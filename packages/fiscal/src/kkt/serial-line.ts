/** A line over a serial port: the one file that knows the `serialport` package. USB devices show up as serial ports as well. */
import { SerialPort } from 'serialport';
import { KktError } from '../errors.ts';
import type { ByteLine, LineEvents, OpenLine } from './byte-line.ts';

export interface SerialLineOptions {
  /** `/dev/ttyUSB0`, `COM3`. */
  readonly path: string;
  readonly baudRate: number;
}

export function serialLine({ path, baudRate }: SerialLineOptions): OpenLine {
  return ({ signal }) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const port = new SerialPort({ path, baudRate, autoOpen: false });
      port.open((error) => {
        if (error) {
          const hint = `${path}: ${error.message}`;
          reject(new KktError('KKT_LINE_FAILED', hint, { outcome: 'unsent', cause: error }));
          return;
        }
        if (!signal?.aborted) {
          resolve(portLine(port, path));
          return;
        }
        port.close();
        reject(signal.reason);
      });
    });
}

function portLine(port: SerialPort, name: string): ByteLine {
  let events: LineEvents | undefined;
  let isClosed = false;
  port.on('data', (bytes: Buffer) => {
    if (!isClosed) events?.onBytes(bytes);
  });
  port.on('error', () => {
    // `close` follows, and says it to whoever reads.
  });
  port.on('close', () => {
    if (!isClosed) events?.onClose('the port is gone');
    isClosed = true;
  });
  port.pause();
  return {
    name,
    start(listeners) {
      events = listeners;
      port.resume();
    },
    send(bytes) {
      if (!isClosed) port.write(bytes);
    },
    close() {
      isClosed = true;
      return new Promise((resolve) => {
        if (!port.isOpen) resolve();
        else port.close(() => resolve());
      });
    },
  };
}
