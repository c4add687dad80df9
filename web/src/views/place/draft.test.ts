import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf, type Config, changedFields, configOfDraft, draftOf, draftProblems } from "./draft.ts";
import type { FormKind } from "./fields.ts";

const there = (kind: FormKind, config: Config) => configOfDraft(kind, draftOf(kind, config));

test("a configuration comes back from its form as it was", () => {
  const configs: readonly (readonly [FormKind, Config])[] = [
    ["worktree", { type: "worktree" }],
    ["local", { type: "local", env: { A: "[secret]" }, daemon: "never" }],
    [
      "image",
      {
        type: "docker",
        image: "node:24",
        cpus: 1.5,
        memoryBytes: 2 * 1024 ** 3,
        mounts: [
          { source: "/a", target: "/b", readOnly: true },
          { source: "v", target: "/c" },
        ],
        ports: [{ container: 3000 }, { container: 53, host: 5353, address: "0.0.0.0", protocol: "udp" }],
        engine: { host: "unix:///x.sock" },
        readOnly: true,
      },
    ],
    ["container", { type: "docker", containerId: "web", pathMap: [{ host: "/a", container: "/b" }] }],
    [
      "ssh",
      {
        type: "ssh",
        host: "box",
        port: 2222,
        connectTimeoutMs: 2500,
        password: { command: ["pass", "show", "box"] },
        passphrase: { env: "PASS" },
      },
    ],
  ];
  for (const [kind, config] of configs) assert.deepEqual(there(kind, config), config, kind);
});

test("sizes are typed as people write them", () => {
  assert.deepEqual(["2 GiB", "512m", "1.5g", "1073741824", "7 MB", "lots", "-1"].map(bytesOf), [
    2 * 1024 ** 3,
    512 * 1024 ** 2,
    1.5 * 1024 ** 3,
    1024 ** 3,
    7 * 1024 ** 2,
    undefined,
    undefined,
  ]);
  assert.equal(draftOf("image", { type: "docker", memoryBytes: 1_000_001 }).memoryBytes, "1000001");
});

test("what the form knows to be wrong is told at its field, and rows in which nothing stands are none", () => {
  const draft = {
    ...draftOf("image"),
    cpus: "two",
    memoryBytes: "lots",
    mounts: [{ source: "", target: "", readOnly: false }],
    env: [
      { name: "A", value: "1", isKept: false },
      { name: "A", value: "2", isKept: false },
      { name: "1X", value: "", isKept: false },
      { name: "", value: "", isKept: false },
    ],
  };
  assert.deepEqual(Object.keys(draftProblems("image", draft)).sort(), [
    "cpus",
    "env.1X",
    "env.A",
    "image",
    "memoryBytes",
  ]);
  const { mounts, env } = configOfDraft("image", draft) as Config;
  assert.equal(mounts, undefined);
  assert.deepEqual(env, { A: "2", "1X": "" });
});

test("only what differs is sent; null removes; what the form does not have stays", () => {
  const before = { type: "ssh", host: "box", workdir: "/x", identityFile: "~/k", env: { A: "[secret]" } };
  const draft = {
    ...draftOf("ssh", before),
    identityFile: "",
    hostKeys: "accept-new",
    env: [
      { name: "B", value: "1", isKept: false },
      { name: "A", value: "[secret]", isKept: true },
    ],
  };
  assert.deepEqual(changedFields("ssh", before, configOfDraft("ssh", draft)), {
    identityFile: null,
    hostKeys: "accept-new",
    env: { A: "[secret]", B: "1" },
  });
  assert.deepEqual(changedFields("ssh", before, there("ssh", before)), {});
});
