import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { encodeRegistryAuth, registryAuth } from "./registry-credentials.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");

async function authOf(config: unknown, registry: string, answers: Record<string, string> = {}) {
  const configDirectory = await mkdtemp(join(tmpdir(), "berth-credentials-"));
  try {
    await writeFile(
      join(configDirectory, "config.json"),
      typeof config === "string" ? config : JSON.stringify(config),
    );
    const helper = async (name: string, server: string) => answers[`${name} ${server}`];
    return await registryAuth(registry, { configDirectory, helper });
  } finally {
    await rm(configDirectory, { recursive: true });
  }
}

test("what docker login wrote into the file", async () => {
  const auths = {
    "reg.example:5000": { auth: base64("me:pass:word") },
    "https://index.docker.io/v1/": { auth: base64("hub:secret") },
    "https://old.example/v1/": { auth: base64("old:x") },
    "token.example": { identitytoken: "t0ken" },
  };
  assert.deepEqual(await authOf({ auths }, "reg.example:5000"), {
    username: "me",
    password: "pass:word",
    serveraddress: "reg.example:5000",
  });
  assert.deepEqual(await authOf({ auths }, "docker.io"), {
    username: "hub",
    password: "secret",
    serveraddress: "https://index.docker.io/v1/",
  });
  assert.deepEqual(await authOf({ auths }, "old.example"), {
    username: "old",
    password: "x",
    serveraddress: "old.example",
  });
  assert.deepEqual(await authOf({ auths }, "token.example"), {
    identitytoken: "t0ken",
    serveraddress: "token.example",
  });
  assert.equal(await authOf({ auths }, "other.example"), undefined);
});

test("a registry's own helper comes before the common store", async () => {
  const config = { credsStore: "common", credHelpers: { "reg.example": "own" } };
  const answers = {
    "own reg.example": JSON.stringify({ Username: "a", Secret: "b" }),
    "common other.example": JSON.stringify({ Username: "<token>", Secret: "t" }),
  };
  assert.deepEqual(await authOf(config, "reg.example", answers), {
    username: "a",
    password: "b",
    serveraddress: "reg.example",
  });
  assert.deepEqual(await authOf(config, "other.example", answers), {
    identitytoken: "t",
    serveraddress: "other.example",
  });
  assert.equal(await authOf(config, "third.example", answers), undefined);
});

test("a damaged file has no credentials", async () => {
  assert.equal(await authOf("{", "docker.io"), undefined);
  assert.equal(await authOf({ auths: { "docker.io": { auth: "%%%" } } }, "docker.io"), undefined);
});

test("the header's form keeps its padding", () => {
  const auth = { username: "ü>?", password: "p", serveraddress: "s" };
  const header = encodeRegistryAuth(auth);
  assert.equal(header.length % 4, 0);
  assert.equal(/[+/]/.test(header), false);
  assert.deepEqual(JSON.parse(Buffer.from(header, "base64url").toString()), auth);
});
