import assert from "node:assert/strict";
import { test } from "node:test";
import { offeredAlgorithms } from "./algorithms.ts";

test("known types of host keys come first, in their order of strength, and nothing twice", () => {
  const { serverHostKey } = offeredAlgorithms(["rsa-sha2-512", "rsa-sha2-256", "ecdsa-sha2-nistp384"]);
  assert.deepEqual(serverHostKey, [
    ...["ecdsa-sha2-nistp384", "rsa-sha2-512", "rsa-sha2-256"],
    ...["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp521"],
  ]);
  assert.deepEqual(
    offeredAlgorithms(["ssh-dss", "ssh-rsa", "sk-ssh-ed25519@openssh.com"]).serverHostKey,
    offeredAlgorithms([]).serverHostKey,
  );
});

test("AES-GCM is preferred, and nothing is offered that signs by SHA-1 or is broken", () => {
  const { cipher, kex, serverHostKey, hmac } = offeredAlgorithms([]);
  assert.ok(
    Array.isArray(cipher) && Array.isArray(kex) && Array.isArray(serverHostKey) && Array.isArray(hmac),
  );
  assert.equal(cipher[0], "aes128-gcm@openssh.com");
  const all = [...cipher, ...kex, ...serverHostKey, ...hmac];
  assert.deepEqual(
    all.filter((name) => /cbc|arcfour|3des|md5|ripemd|group1-|^diffie.*sha1$|^ssh-rsa$|^ssh-dss$/.test(name)),
    [],
  );
});
