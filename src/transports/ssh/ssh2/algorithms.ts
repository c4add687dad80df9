import { getCiphers } from "node:crypto";
import type { Algorithms, CipherAlgorithm, ServerHostKeyAlgorithm } from "ssh2";

/**
 * AES-GCM first: it is what node:crypto does fastest, and one pass where CTR with an HMAC takes two. ssh2's ChaCha20
 * authenticates in WebAssembly and is several times slower.
 */
const CIPHERS: readonly CipherAlgorithm[] = [
  "aes128-gcm@openssh.com",
  "aes256-gcm@openssh.com",
  "chacha20-poly1305@openssh.com",
  "aes128-ctr",
  "aes192-ctr",
  "aes256-ctr",
];

/**
 * As OpenSSH orders them by default. "ssh-rsa" and "ssh-dss" sign with SHA-1, which no longer proves anything, and are
 * off as they are in OpenSSH since 8.8; RSA keys are used with SHA-2.
 */
const HOST_KEYS: readonly ServerHostKeyAlgorithm[] = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-512",
  "rsa-sha2-256",
];

/**
 * What is offered to a server: what OpenSSH offers by default and ssh2 knows, without diffie-hellman-group-exchange.
 * There node:crypto proves that the server's prime is one, and nothing else happens in this process meanwhile: 3 s for
 * AES-128, 20 s for AES-256, where the fixed groups take 30 ms. Servers that have it have one of the others too.
 * @param known host key algorithms of known_hosts: they come first, so that a host with several keys shows a known one
 */
export function offeredAlgorithms(known: readonly string[]): Algorithms {
  const available = new Set(getCiphers());
  const knownFirst = HOST_KEYS.filter((algorithm) => known.includes(algorithm));
  return {
    kex: [
      "curve25519-sha256",
      "curve25519-sha256@libssh.org",
      "ecdh-sha2-nistp256",
      "ecdh-sha2-nistp384",
      "ecdh-sha2-nistp521",
      "diffie-hellman-group16-sha512",
      "diffie-hellman-group18-sha512",
      "diffie-hellman-group14-sha256",
    ],
    // A Node without ChaCha20 (FIPS) makes ssh2 throw for it.
    cipher: CIPHERS.filter((name) => !name.startsWith("chacha20") || available.has("chacha20")),
    hmac: [
      "hmac-sha2-256-etm@openssh.com",
      "hmac-sha2-512-etm@openssh.com",
      "hmac-sha1-etm@openssh.com",
      "hmac-sha2-256",
      "hmac-sha2-512",
      "hmac-sha1",
    ],
    serverHostKey: [...knownFirst, ...HOST_KEYS.filter((algorithm) => !knownFirst.includes(algorithm))],
    compress: ["none"],
  };
}
