import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import {
  checkHostKey,
  findKnownKeys,
  fingerprint,
  hashName,
  judge,
  knownAlgorithms,
  knownHostsName,
  matchesPattern,
  readKnownKeys,
  typeForPeople,
} from "./known-hosts.ts";
import type { SshTarget } from "./target.ts";
import { fakeTarget } from "./testing.ts";

const field = (value: string | Buffer): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(value.length);
  return Buffer.concat([length, Buffer.from(value)]);
};

/** A real public key, as it goes over the wire. */
function makeKey(type: "ssh-ed25519" | "ecdsa-sha2-nistp256" | "ssh-rsa"): Buffer {
  if (type === "ssh-ed25519") {
    const { x = "" } = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });
    return Buffer.concat([field(type), field(Buffer.from(x, "base64url"))]);
  }
  if (type === "ssh-rsa") {
    const { n = "", e = "" } = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({
      format: "jwk",
    });
    const positive = (value: string) => Buffer.concat([Buffer.alloc(1), Buffer.from(value, "base64url")]);
    return Buffer.concat([field(type), field(Buffer.from(e, "base64url")), field(positive(n))]);
  }
  const { x = "", y = "" } = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({
    format: "jwk",
  });
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
  return Buffer.concat([field(type), field("nistp256"), field(point)]);
}

const text = (blob: Buffer): string =>
  `${blob.toString("latin1", 4, 4 + blob.readUInt32BE(0))} ${blob.toString("base64")}`;

const ED25519 = makeKey("ssh-ed25519");
const OTHER = makeKey("ssh-ed25519");
const ECDSA = makeKey("ecdsa-sha2-nistp256");
const RSA = makeKey("ssh-rsa");

async function directory(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), "berth-test-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Numbers of the lines that ssh-keygen finds; with -l it skips those without a key that it can read. */
function linesOfSshKeygen(file: string, name: string): number[] {
  const { stdout, status } = spawnSync("ssh-keygen", ["-l", "-F", name, "-f", file], {
    encoding: "latin1",
    env: { ...process.env, LC_ALL: "C" },
  });
  assert.ok(status === 0 || status === 1, "ssh-keygen looked for the name");
  return [...stdout.matchAll(/^# Host .* found: line (\d+)/gm)].map(([, line]) => Number(line));
}

const target = (fields: Partial<SshTarget>): SshTarget =>
  fakeTarget({ hostname: "box", userKnownHostsFiles: [], globalKnownHostsFiles: [], ...fields });

const marked = (lines: string, name: string) =>
  findKnownKeys(lines, name).map(({ marker, blob }) => [marker, blob.toString("base64")]);

test("a line is found by name, list, pattern, port and hash", () => {
  const plain = [["none", ED25519.toString("base64")]];
  for (const [names, name] of [
    ["box", "box"],
    ["BOX.Example", "box.example"],
    ["other,box,third", "box"],
    ["*.example", "a.b.example"],
    ["b?x", "box"],
    ["*", "anything"],
    ["[box]:2222", "[box]:2222"],
    ["[*.example]:2222", "[a.example]:2222"],
    ["192.0.2.*", "192.0.2.7"],
    ["2001:db8::2", "2001:db8::2"],
    [hashName("box", randomBytes(20)), "box"],
    [hashName("[box]:2222", randomBytes(20)), "[box]:2222"],
  ] as const) {
    assert.deepEqual(marked(`${names} ${text(ED25519)} a comment\n`, name), plain, names);
  }
  for (const [names, name] of [
    ["box", "box2"],
    ["box", "[box]:2222"],
    ["[box]:2222", "box"],
    ["[box]:2222", "[box]:22222"],
    ["*.example,!secret.example", "secret.example"],
    ["!secret.example,*.example", "secret.example"],
    ["!box", "other"],
    ["b?x", "bx"],
    ["", "box"],
    [hashName("box", randomBytes(20)), "box2"],
    [hashName("box", randomBytes(20)).replace("|1|", "|2|"), "box"],
    [hashName("box", randomBytes(19)), "box"],
  ] as const) {
    assert.deepEqual(marked(`${names} ${text(ED25519)}\n`, name), [], names);
  }
});

test("markers are kept, and lines that cannot be read are skipped", () => {
  const lines = [
    "# box is mine",
    "",
    "   # box too",
    `@revoked box ${text(OTHER)}`,
    `@cert-authority *,!x ${text(ECDSA)} the company's`,
    `@unknown box ${text(OTHER)}`,
    `@revoked @cert-authority box ${text(OTHER)}`,
    "box",
    "box ssh-ed25519",
    "box ssh-ed25519 AAAA",
    `box ssh-rsa ${ED25519.toString("base64")}`,
    `box ssh-ed25519 ${ED25519.toString("base64").slice(0, -3)}`,
    `box ssh-ed25519 ${ED25519.subarray(0, -1).toString("base64")}`,
    `box ssh-ed25519 ${Buffer.concat([ED25519, Buffer.alloc(3)]).toString("base64")}`,
    "box 1024 35 1234567890",
    `  box\t${text(ED25519).replace(" ", "\t")}\tcomment`,
    `box ${text(RSA)}\r`,
  ];
  assert.deepEqual(marked(lines.join("\n"), "box"), [
    ["revoked", OTHER.toString("base64")],
    ["cert-authority", ECDSA.toString("base64")],
    ["none", ED25519.toString("base64")],
    ["none", RSA.toString("base64")],
  ]);
  assert.deepEqual(
    findKnownKeys(lines.join("\n"), "box").map(({ line }) => line),
    [4, 5, 16, 17],
  );
});

test("whatever stands in a file, the same lines are found as by ssh-keygen -F", async () => {
  await using scratch = await directory();
  const file = join(scratch.path, "known_hosts");
  const name = fc.constantFrom("box", "box.example", "[box]:2222", "[box.example]:22", "192.0.2.7", "::1");
  const pattern = fc.oneof(
    name,
    fc.string({ unit: fc.constantFrom(..."box.e*?!2,[]:") }),
    name.map((host) => `!${host}`),
    name.map((host) => host.toUpperCase()),
    name.map((host) => `*${host.slice(2)}`),
  );
  const names = fc.oneof(
    fc.array(pattern, { minLength: 1, maxLength: 4 }).map((list) => list.join(",")),
    fc
      .tuple(name, fc.uint8Array({ minLength: 20, maxLength: 20 }))
      .map(([host, salt]) => hashName(host, Buffer.from(salt))),
    fc.constantFrom("|1|", "|1|AAAA|BBBB", "|", "|1|!!!|x"),
  );
  const key = fc.constantFrom(
    ...[ED25519, OTHER, ECDSA, RSA].map(text),
    `ssh-rsa ${ED25519.toString("base64")}`,
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA",
    "ssh-ed25519",
    "nonsense here",
    "",
  );
  const blank = fc.constantFrom(" ", "  ", "\t", " \t ");
  const line = fc
    .record({
      indent: fc.constantFrom("", "", "", " ", "\t", "#"),
      marker: fc.constantFrom("", "", "", "@revoked ", "@cert-authority ", "@what ", "@revoked @revoked "),
      ...{ names, blank, key },
      comment: fc.constantFrom("", "", " me@here", "\tx # y", " ", "\r"),
    })
    .map(({ indent, marker, names, blank, key, comment }) =>
      [indent, marker, names, blank, key, comment].join(""),
    );
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 12 }), name, fc.boolean(), async (lines, host, ended) => {
      const content = lines.join("\n") + (ended ? "\n" : "");
      await writeFile(file, content);
      assert.deepEqual(
        findKnownKeys(content, host).map((found) => found.line),
        linesOfSshKeygen(file, host),
        JSON.stringify(content),
      );
    }),
    { numRuns: 300 },
  );
});

test("names that ssh-keygen -H has hashed are found, under their ports too", async () => {
  await using scratch = await directory();
  const file = join(scratch.path, "known_hosts");
  const entries = ["box", "[box]:2222", "2001:db8::2", "192.0.2.7"];
  await writeFile(file, `${entries.map((name) => `${name} ${text(ED25519)}`).join("\n")}\n`);
  execFileSync("ssh-keygen", ["-H", "-f", file], { stdio: "ignore" });
  const hashed = await readFile(file, "latin1");
  assert.ok(!hashed.includes("box"));
  for (const [index, name] of entries.entries()) {
    assert.deepEqual(
      findKnownKeys(hashed, name).map(({ line }) => line),
      [index + 1],
      name,
    );
  }
  assert.deepEqual(findKnownKeys(hashed, "other"), []);
});

test("a fingerprint and a type are those that ssh-keygen -l shows", async () => {
  await using scratch = await directory();
  for (const blob of [ED25519, ECDSA, RSA]) {
    const file = join(scratch.path, "key.pub");
    await writeFile(file, `${text(blob)}\n`);
    const shown = execFileSync("ssh-keygen", ["-l", "-E", "sha256", "-f", file], { encoding: "utf8" });
    assert.equal(shown.split(" ")[1], fingerprint(blob));
    assert.ok(shown.trim().endsWith(`(${typeForPeople(text(blob).split(" ")[0] ?? "")})`), shown);
  }
});

test("a host is called by its alias, or by its name and a port that is not 22", () => {
  assert.equal(knownHostsName(target({ hostname: "Box.Example" })), "box.example");
  assert.equal(knownHostsName(target({ port: 2222 })), "[box]:2222");
  assert.equal(knownHostsName(target({ hostname: "::1", port: 2222 })), "[::1]:2222");
  assert.equal(knownHostsName(target({ port: 2222, hostKeyAlias: "Alias" })), "Alias");
});

test("a key is known, unknown, changed or revoked", () => {
  const decide = (lines: string[], blob: Buffer, fallback: string[] = []) =>
    judge(
      {
        own: findKnownKeys(lines.join("\n"), "box"),
        withoutPort: findKnownKeys(fallback.join("\n"), "box"),
      },
      blob,
    );
  assert.deepEqual(decide([], ED25519), { status: "unknown", authorityOnly: false });
  assert.equal(decide([`box ${text(ED25519)}`], ED25519).status, "known");
  assert.equal(decide([`box ${text(OTHER)}`, `box ${text(ED25519)}`], ED25519).status, "known");
  assert.equal(decide([`box ${text(OTHER)}`], ED25519).status, "changed");
  assert.equal(decide([`box ${text(OTHER)}`], ED25519).at?.line, 1);
  // A key of a type that nobody has seen yet is what somebody in between would show.
  assert.equal(decide([`box ${text(RSA)}`], ED25519).status, "changed");
  assert.equal(decide([`box ${text(ED25519)}`, `@revoked box ${text(ED25519)}`], ED25519).status, "revoked");
  assert.equal(decide([`@revoked * ${text(ED25519)}`], ED25519).status, "revoked");
  assert.equal(decide([`@revoked box ${text(OTHER)}`], ED25519).status, "unknown");
  assert.deepEqual(decide([`@cert-authority * ${text(OTHER)}`], ED25519), {
    status: "unknown",
    authorityOnly: true,
  });
  // The key of the authority is not the key of a host.
  assert.equal(decide([`@cert-authority * ${text(ED25519)}`], ED25519).status, "unknown");
  assert.equal(decide([], ED25519, [`box ${text(ED25519)}`]).status, "known");
  assert.equal(decide([], ED25519, [`box ${text(OTHER)}`]).status, "unknown");
  assert.equal(decide([`box ${text(OTHER)}`], ED25519, [`box ${text(ED25519)}`]).status, "changed");
  assert.equal(decide([], ED25519, [`@revoked box ${text(ED25519)}`]).status, "revoked");
});

test("all files of a target count, those of the system too; algorithms of known keys are preferred", async () => {
  await using scratch = await directory();
  const at = (name: string): string => join(scratch.path, name);
  const [user, second, system] = [at("user"), at("second"), at("system")];
  await writeFile(second, `[box]:2222 ${text(ECDSA)}\n`);
  await writeFile(system, `[box]:2222 ${text(RSA)}\n@revoked box ${text(OTHER)}\nbox ${text(ED25519)}`);
  const box = target({
    port: 2222,
    userKnownHostsFiles: [user, second],
    globalKnownHostsFiles: [system, scratch.path],
  });
  assert.equal((await checkHostKey(box, ECDSA)).status, "known");
  assert.equal((await checkHostKey(box, RSA)).at?.file, system);
  assert.equal((await checkHostKey(box, OTHER)).status, "revoked");
  assert.deepEqual(knownAlgorithms(await readKnownKeys(box)), [
    "ecdsa-sha2-nistp256",
    "rsa-sha2-512",
    "rsa-sha2-256",
  ]);
  assert.deepEqual(knownAlgorithms(await readKnownKeys({ ...box, port: 2223 })), ["ssh-ed25519"]);
});

test("a key that RevokedHostKeys lists is revoked, and so is every key when the list cannot be read", async () => {
  await using scratch = await directory();
  const known = join(scratch.path, "known_hosts");
  await writeFile(known, `box ${text(ED25519)}\nbox ${text(RSA)}\n`);
  const listed = join(scratch.path, "revoked");
  await writeFile(listed, `# stolen\n${text(ED25519)} old\n`);
  const krl = join(scratch.path, "revoked.krl");
  execFileSync("ssh-keygen", ["-k", "-f", krl, listed], { stdio: "ignore" });
  for (const revokedHostKeysFile of [listed, krl]) {
    const box = target({ userKnownHostsFiles: [known], revokedHostKeysFile });
    assert.equal((await checkHostKey(box, ED25519)).status, "revoked", revokedHostKeysFile);
    assert.equal((await checkHostKey(box, RSA)).status, "known", revokedHostKeysFile);
  }
  const missing = target({ userKnownHostsFiles: [known], revokedHostKeysFile: join(scratch.path, "no") });
  assert.equal((await checkHostKey(missing, RSA)).status, "revoked");
});

test("a file with 100,000 hashed names is looked through, and a hostile pattern costs nothing", () => {
  const salt = randomBytes(20);
  const line = `${hashName("elsewhere", salt)} ${text(OTHER)}\n`;
  const huge = `${line.repeat(100_000)}${hashName("box", salt)} ${text(ED25519)}\n`;
  assert.deepEqual(
    findKnownKeys(huge, "box").map((found) => found.line),
    [100_001],
  );
  // A matcher that tries every way needs longer than the age of the universe.
  assert.equal(matchesPattern("*a".repeat(500), `${"a".repeat(5_000)}b`), false);
});
