import { createSecretKey, type KeyObject } from "node:crypto";
import type { Readable } from "node:stream";
import type { Client, ClientChannel } from "ssh2";

/**
 * The parts of ssh2 that are used and that it does not document. package.json pins the version; what each is needed
 * for has a test on a real server.
 */
interface Inside {
  readonly _chanMgr: {
    /** Number of the channel that was asked for last. */
    readonly _cur: number;
    get(id: number): ClientChannel | undefined;
  };
  /** Who gets the answers to global requests, in their order. */
  readonly _callbacks: (() => void)[];
  readonly _protocol: {
    ping(): void;
    readonly _cipher: { _encSSLName?: string; _encKey?: Buffer | KeyObject };
    readonly _decipher: { _decipherSSLName?: string; _decipherKey?: Buffer | KeyObject };
  };
}

export function insideOf(client: Client): Inside {
  return client as unknown as Inside;
}

/**
 * Makes key objects of the keys of a new key exchange. ssh2 hands node:crypto their bytes for each packet of AES-GCM,
 * and to make a key of these takes longer (25 µs) than to decrypt 32 KiB (15 µs).
 */
export function prepareKeys(client: Client): void {
  const { _cipher: cipher, _decipher: decipher } = insideOf(client)._protocol;
  if (cipher._encSSLName !== undefined && Buffer.isBuffer(cipher._encKey)) {
    cipher._encKey = createSecretKey(cipher._encKey);
  }
  if (decipher._decipherSSLName !== undefined && Buffer.isBuffer(decipher._decipherKey)) {
    decipher._decipherKey = createSecretKey(decipher._decipherKey);
  }
}

/**
 * Makes a stream of a channel count as full with the first chunk that is not taken at once. With each chunk that does
 * not fill its stream, 2 MiB, ssh2 lets the server send more, however much the channel's other stream holds: a little
 * on one would open the window again and again for what nobody reads on the other.
 */
export function fullAtOnce(stream: Readable): void {
  const state = (stream as unknown as { readonly _readableState: { highWaterMark: number } })._readableState;
  state.highWaterMark = 0;
}
