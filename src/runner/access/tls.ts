import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import type { Server } from "node:https";
import type { Duplex } from "node:stream";
import { createSecureContext } from "node:tls";
import { berthError, fileError } from "../../contract/errors.ts";

/** From so long before its end on, a certificate is spoken of. */
const WARN_BEFORE_MS = 21 * 24 * 3_600_000;
/** Others may not read the key, its group may not write it. */
const FORBIDDEN_MODE = 0o027;
/** First byte of TLS: a handshake record. */
const TLS_HANDSHAKE = 0x16;
/** For the first bytes of a connection, and for who speaks no TLS to read its answer. */
const FIRST_BYTES_MS = 10_000;

/** PEM texts. */
export interface TlsPair {
  readonly key: string;
  readonly cert: string;
}

/**
 * Certificate and key of two files.
 * @throws runner.tls_invalid, errors of files
 */
export function readTlsFiles(certPath: string, keyPath: string): TlsPair {
  const pair = { cert: read(certPath), key: read(keyPath) };
  const mode = statSync(keyPath).mode & 0o777;
  if ((mode & FORBIDDEN_MODE) !== 0) {
    throw berthError("runner.tls_invalid", {
      message: `the key ${keyPath} is open to others: its mode is ${mode.toString(8).padStart(4, "0")}`,
      hint: `chmod 600 ${keyPath}, and make a new key if somebody may have read it.`,
      context: { path: keyPath },
    });
  }
  checkTls(pair);
  return pair;
}

/** That a certificate and a key belong together. @throws runner.tls_invalid */
export function checkTls({ cert, key }: TlsPair): X509Certificate {
  try {
    const certificate = new X509Certificate(cert);
    if (!certificate.checkPrivateKey(createPrivateKey(key))) {
      throw new Error("the key is not that of the certificate");
    }
    createSecureContext({ cert, key });
    return certificate;
  } catch (cause) {
    // OpenSSL's words name no content of a key.
    throw berthError("runner.tls_invalid", {
      message: `the certificate and its key can't be used: ${(cause as Error).message}`,
      cause,
    });
  }
}

/** What is to be said of when a certificate ends; undefined: nothing yet. */
export function expiryWarning(pair: TlsPair, now = Date.now()): string | undefined {
  const { validToDate, subject } = checkTls(pair);
  const leftMs = validToDate.getTime() - now;
  if (leftMs > WARN_BEFORE_MS) return undefined;
  const name = subject.replaceAll("\n", ", ");
  const end = validToDate.toISOString();
  return leftMs <= 0
    ? `the certificate of ${name} has expired at ${end}: clients refuse it`
    : `the certificate of ${name} expires at ${end}`;
}

/** Options of the server. */
export function tlsOptions(pair: TlsPair): TlsPair & { readonly minVersion: "TLSv1.2" } {
  return { ...pair, minVersion: "TLSv1.2" };
}

/** New connections get the new certificate, those that stand go on. @throws runner.tls_invalid: the old one stays */
export function replaceTls(server: Server, pair: TlsPair): void {
  checkTls(pair);
  server.setSecureContext(tlsOptions(pair));
}

/** Who speaks plain HTTP to the port of TLS is given to `refuse`, where otherwise it would only be cut off. */
export function answerPlainHttp(server: Server, refuse: (socket: Duplex) => void): void {
  const listeners = server.listeners("connection");
  server.removeAllListeners("connection");
  server.on("connection", (socket: Duplex) => {
    const timer = setTimeout(() => socket.destroy(), FIRST_BYTES_MS);
    const onError = () => socket.destroy();
    socket.on("error", onError);
    socket.once("close", () => clearTimeout(timer));
    socket.once("data", (first: Buffer) => {
      socket.pause();
      if (first[0] !== TLS_HANDSHAKE) {
        socket.resume();
        refuse(socket);
        return;
      }
      clearTimeout(timer);
      socket.off("error", onError);
      socket.unshift(first);
      for (const listener of listeners) listener.call(server, socket);
    });
  });
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw fileError(cause, path, "runner");
  }
}
