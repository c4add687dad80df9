import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { requireOrSkip } from "../fixtures/install.ts";
import { waitFor } from "../fixtures/process.ts";
import { testRunner } from "../fixtures/runner.ts";
import { PLACES } from "./places.ts";
import { ask, refused, sharedRunner, streamed, tokenFor } from "./work-desk.ts";

const LONG = process.env.BERTH_LONG === "1";
/** Bytes of the transfers whose memory is looked at. */
const BIG_BYTES = (LONG ? 400 : 100) * 1024 * 1024;
/** What a transfer may take besides what the runner has: windows and buffers, not the file. */
const FLAT_BYTES = 80 * 1024 * 1024;

const shared = sharedRunner();

const content = (name: string, path: string, more = "") =>
  `/v1/workspaces/${name}/files/content?path=${encodeURIComponent(path)}${more}`;

// Containers as places are the business of the conformance suite; here they only take their time.
for (const kind of PLACES.filter(({ title }) => LONG || title !== "docker")) {
  test(`${kind.title}: files are written, read in ranges, listed, renamed and removed`, async (t) => {
    await using stack = new AsyncDisposableStack();
    const made = await requireOrSkip(t, () => kind.make(stack));
    if (made === undefined) return;
    const { runner, runtime } = made;
    await runner.workspace({ name: "one", ...(runtime === undefined ? {} : { runtime }) });
    const files = (method: string, rest: string, body?: unknown) =>
      ask(runner, method, `/v1/workspaces/one/files${rest}`, body);

    const written = await ask(
      runner,
      "PUT",
      content("one", "dir/ä b.txt", "&mode=416&durable=true"),
      "0123456789",
    );
    assert.deepEqual([written.status, written.body.bytes, written.body.atomic], [200, 10, true]);
    const { etag } = written.body;
    assert.equal(written.headers.get("etag"), etag);
    const stat = (await files("GET", "/stat?path=dir/%C3%A4%20b.txt")).body;
    assert.deepEqual([stat.type, stat.size, stat.mode], ["file", 10, 0o640]);

    const ranges: [string, number, string, string | null][] = [
      ["bytes=0-3", 206, "0123", "bytes 0-3/10"],
      ["bytes=4-", 206, "456789", "bytes 4-9/10"],
      ["bytes=-3", 206, "789", "bytes 7-9/10"],
      ["bytes=-100", 206, "0123456789", "bytes 0-9/10"],
      ["bytes=8-100", 206, "89", "bytes 8-9/10"],
      ["bytes=9-9", 206, "9", "bytes 9-9/10"],
      ["bytes=0-1,3-4", 200, "0123456789", null],
      ["bytes=5-2", 200, "0123456789", null],
      ["lines=0-1", 200, "0123456789", null],
      ["bytes=-", 200, "0123456789", null],
    ];
    for (const [range, status, text, contentRange] of ranges) {
      const answer = await ask(runner, "GET", content("one", "dir/ä b.txt"), undefined, {
        headers: { range },
      });
      assert.deepEqual(
        [
          answer.status,
          answer.body,
          answer.headers.get("content-range"),
          answer.headers.get("content-length"),
        ],
        [status, text, contentRange, String(text.length)],
        range,
      );
      assert.equal(answer.headers.get("etag"), etag);
    }
    for (const range of ["bytes=10-", "bytes=-0", "bytes=99-100"]) {
      const answer = ask(runner, "GET", content("one", "dir/ä b.txt"), undefined, { headers: { range } });
      await refused(answer, 416, "fs.range_invalid");
      assert.equal((await answer).headers.get("content-range"), "bytes */10");
    }
    const get = (headers: Readonly<Record<string, string>>) =>
      ask(runner, "GET", content("one", "dir/ä b.txt"), undefined, { headers });
    const unchanged = await get({ "if-none-match": `W/${etag}, "other"` });
    assert.deepEqual([unchanged.status, unchanged.body, unchanged.headers.get("etag")], [304, "", etag]);
    assert.equal((await get({ "if-range": etag, range: "bytes=0-0" })).status, 206);
    assert.equal((await get({ "if-range": '"old"', range: "bytes=0-0" })).status, 200);
    const head = await ask(runner, "HEAD", content("one", "dir/ä b.txt"));
    assert.deepEqual([head.status, head.body, head.headers.get("content-length")], [200, "", "10"]);

    // Preconditions.
    const put = (path: string, text: string, headers: Readonly<Record<string, string>>) =>
      ask(runner, "PUT", content("one", path), text, { headers });
    await refused(put("dir/ä b.txt", "x", { "if-match": '"old"' }), 412, "fs.changed");
    await refused(put("dir/ä b.txt", "x", { "if-none-match": "*" }), 412, "fs.changed");
    await refused(put("dir/none", "x", { "if-match": "*" }), 412, "fs.changed");
    assert.equal((await put("dir/none", "x", { "if-none-match": "*" })).status, 200);
    const both = await Promise.all(
      [1, 2, 3].map((at) => put("dir/ä b.txt", `won ${at}`, { "if-match": etag })),
    );
    assert.deepEqual(both.map(({ status }) => status).sort(), [200, 412, 412]);

    const entries = async (query: string) => (await files("GET", `/entries?path=dir${query}`)).body;
    const first = await entries("&limit=1");
    assert.deepEqual(first.items, [{ name: "none", type: "file" }]);
    const second = await entries(`&limit=1&cursor=${first.next}`);
    assert.deepEqual([second.items[0].name, second.next], ["ä b.txt", null]);
    const many = (await files("POST", "/stat", { paths: ["dir", "nothing", "dir/none"] })).body.items;
    assert.deepEqual(
      many.map((one: { type: string } | null) => one?.type ?? null),
      ["directory", null, "file"],
    );
    assert.equal((await files("POST", "/directories", { path: "new/deep", recursive: true })).status, 204);
    assert.equal((await files("POST", "/rename", { from: "dir/none", to: "new/deep/there" })).status, 204);
    await refused(files("DELETE", "?path=new"), 409, "EISDIR");
    assert.equal((await files("DELETE", "?path=new&recursive=true")).status, 204);
    await refused(files("DELETE", "?path=new"), 404, "ENOENT");
    assert.equal((await files("DELETE", "?path=new&force=true")).status, 204);
    const missing = await refused(ask(runner, "GET", content("one", "no/thing")), 404, "ENOENT");
    assert.match(missing.context.path, /no\/thing$/);
    await refused(ask(runner, "GET", content("one", "dir")), 409, "EISDIR");
    await refused(ask(runner, "GET", content("one", "a\0b")), 400, "request.invalid");

    const { items } = (await ask(runner, "GET", "/v1/events?type=file.written")).body;
    assert.deepEqual(items[0].data, { path: "dir/ä b.txt", bytes: 10 });
    assert.match(items[0].cause, /^req_/);
  });
}

test("what a browser would run is text, and an attachment has its name", async () => {
  const runner = shared();
  await runner.workspace({ name: "browser" });
  const types: [string, string][] = [
    ["page.html", "text/plain; charset=utf-8"],
    ["image.svg", "text/plain; charset=utf-8"],
    ["script.js", "text/plain; charset=utf-8"],
    ["picture.PNG", "image/png"],
    ["Makefile", "text/plain; charset=utf-8"],
    ["unknown.xyz", "application/octet-stream"],
  ];
  for (const [path, type] of types) {
    await ask(runner, "PUT", content("browser", path), "<script>alert(1)</script>");
    const { headers } = await ask(runner, "GET", content("browser", path));
    assert.deepEqual(
      [headers.get("content-type"), headers.get("x-content-type-options")],
      [type, "nosniff"],
      path,
    );
  }
  await ask(runner, "PUT", content("browser", 'a/ü "x".txt'), "x");
  const { headers } = await ask(runner, "GET", content("browser", 'a/ü "x".txt', "&download=true"));
  assert.equal(
    headers.get("content-disposition"),
    "attachment; filename=\"_ _x_.txt\"; filename*=UTF-8''%C3%BC%20%22x%22.txt",
  );
  // Files whose size says nothing are read to their end.
  assert.match((await ask(runner, "GET", content("browser", "/proc/self/status"))).body, /^Name:/);
});

test("a big file goes up and down whole, and the runner's memory stays flat", async () => {
  await using runner = await testRunner();
  await runner.workspace({ name: "one" });
  await ask(runner, "PUT", content("one", "warm"), Buffer.alloc(1024 * 1024));
  const chunk = Buffer.alloc(1024 * 1024);
  const expected = createHash("sha256");
  const before = residentBytes(runner.pid);
  let most = before;
  async function* bytes() {
    for (let sent = 0; sent < BIG_BYTES; sent += chunk.length) {
      chunk.fill(`${sent} of it all `);
      expected.update(chunk);
      most = Math.max(most, residentBytes(runner.pid));
      yield Buffer.from(chunk);
    }
  }
  const response = await fetch(new URL(content("one", "big"), runner.url), {
    method: "PUT",
    headers: { authorization: `Bearer ${runner.token}`, "content-type": "application/octet-stream" },
    body: bytes() as never,
    duplex: "half",
  } as RequestInit);
  assert.equal(response.status, 200, await response.text());
  const sum = expected.digest("hex");
  const got = createHash("sha256");
  const read = await runner.call(content("one", "big"));
  for await (const part of read.body ?? []) {
    got.update(part as Uint8Array);
    most = Math.max(most, residentBytes(runner.pid));
  }
  assert.equal(got.digest("hex"), sum);
  // As an archive, too.
  const archive = await runner.call("/v1/workspaces/one/files/archive?path=big");
  let size = 0;
  for await (const part of archive.body ?? []) size += (part as Uint8Array).length;
  assert.ok(size > BIG_BYTES);
  most = Math.max(most, residentBytes(runner.pid));
  assert.ok(most - before < FLAT_BYTES, `${Math.round((most - before) / 2 ** 20)} MiB more`);
});

function residentBytes(pid: number): number {
  const pages = readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1];
  return Number(pages) * 4096;
}

test("an upload that is cut off leaves the old content, and no temporary file", async () => {
  const runner = shared();
  const one = await runner.workspace({ name: "cut" });
  await ask(runner, "PUT", content("cut", "file"), "old");
  const answered = Promise.withResolvers<void>();
  const call = request(new URL(content("cut", "file"), runner.url), {
    method: "PUT",
    headers: {
      authorization: `Bearer ${runner.token}`,
      "content-type": "application/octet-stream",
      "content-length": 10_000_000,
    },
  });
  call.on("error", () => answered.resolve());
  call.on("response", () => answered.resolve());
  call.write(Buffer.alloc(2_000_000));
  const path = one.place?.path ?? "";
  const names = () => execFileSync("ls", ["-A", path], { encoding: "utf8" }).trim().split("\n").sort();
  await waitFor("the temporary file", () => names().length > 2);
  call.destroy();
  await answered.promise;
  await waitFor("the temporary file's end", () => names().length === 2);
  assert.equal((await ask(runner, "GET", content("cut", "file"))).body, "old");
  // A file that becomes shorter while it is read is no whole answer.
  writeFileSync(join(path, "shrinking"), Buffer.alloc(50_000_000));
  const response = await runner.call(content("cut", "shrinking"));
  writeFileSync(join(path, "shrinking"), "");
  await assert.rejects(response.arrayBuffer());
});

test("the client watches below a path, and says where that is", async () => {
  const runner = shared();
  const one = await runner.workspace({ name: "looked-at" });
  const path = one.place?.path ?? "";
  mkdirSync(join(path, "src"));
  const stop = new AbortController();
  const seen: string[] = [];
  let top = "";
  const events = runner.client().watch("looked-at", { path: "src", ignore: ["*.log"], signal: stop.signal });
  for await (const event of events) {
    if (event.type === "ready") {
      top = event.path;
      writeFileSync(join(path, "src/a.log"), "");
      writeFileSync(join(path, "src/a.ts"), "");
    } else seen.push(event.path);
    if (seen.some((found) => found.endsWith(".ts"))) break;
  }
  assert.equal(top, join(path, "src"));
  assert.deepEqual([...new Set(seen)], [join(path, "src/a.ts")]);
});

test("a watch tells what changes; who comes back looks at everything", async () => {
  const runner = shared();
  const one = await runner.workspace({ name: "watched" });
  const path = one.place?.path ?? "";
  const watch = "/v1/workspaces/watched/files/watch?ignore=node_modules";
  const seen: string[] = [];
  let last = "";
  for await (const { event, id, data } of streamed(runner, watch)) {
    if (event === "ready") {
      mkdirSync(join(path, "node_modules"));
      writeFileSync(join(path, "node_modules/x"), "");
      writeFileSync(join(path, "seen"), "");
    } else seen.push(`${event} ${data.path.replace(`${path}/`, "")}`);
    last = id ?? "";
    if (seen.some((line) => line.endsWith(" seen"))) break;
  }
  assert.deepEqual(
    seen.filter((line) => line.includes("node_modules/")),
    [],
  );
  const again: string[] = [];
  for await (const { event } of streamed(runner, watch, { headers: { "last-event-id": last } })) {
    again.push(event);
    if (again.length === 2) break;
  }
  assert.deepEqual(again, ["ready", "rescan"]);
  await refused(ask(runner, "GET", "/v1/workspaces/watched/files/watch?path=none"), 404, "ENOENT");
});

test("trees go up and down as tar archives that any tar understands", async () => {
  const runner = shared();
  const one = await runner.workspace({ name: "tree" });
  const tree = join(runner.directory, "tree");
  mkdirSync(join(tree, "sub/empty"), { recursive: true });
  writeFileSync(join(tree, "sub/run"), "#!/bin/sh\n", { mode: 0o755 });
  symlinkSync("run", join(tree, "sub/link"));
  const tar = execFileSync("tar", ["-c", "-C", tree, "sub"]);
  const up = (path: string, bytes: Uint8Array) =>
    ask(runner, "PUT", `/v1/workspaces/tree/files/archive?path=${path}`, bytes, {
      headers: { "content-type": "application/x-tar" },
    });
  const { status, body } = await up("copy", tar);
  assert.deepEqual([status, body.files], [200, 2]);
  const there = join(one.place?.path ?? "", "copy/sub");
  assert.equal(statSync(join(there, "run")).mode & 0o777, 0o755);
  const down = async (path: string, arguments_: string[]) => {
    const response = await runner.call(`/v1/workspaces/tree/files/archive?path=${path}`);
    assert.equal(response.headers.get("content-type"), "application/x-tar");
    const input = Buffer.from(await response.arrayBuffer());
    return execFileSync("tar", arguments_, { input, encoding: "utf8" }).split("\n").sort().join(" ").trim();
  };
  assert.equal(await down("copy", ["-t"]), "./ sub/ sub/empty/ sub/link sub/run");
  assert.equal(await down("copy/sub/run", ["-t"]), "run");
  assert.equal(await down("copy/sub/run", ["-x", "-O"]), "#!/bin/sh");
  await refused(up("copy", Buffer.from("no archive at all")), 400, "fs.archive_invalid");
  await refused(up("copy", tar.subarray(0, 700)), 400, "fs.archive_invalid");
  await refused(ask(runner, "GET", "/v1/workspaces/tree/files/archive?path=none"), 404, "ENOENT");
});

test("a token that is limited stays inside of its workspace, and other workspaces do not exist for it", async () => {
  const runner = shared();
  const one = await runner.workspace({ name: "mine" });
  await runner.workspace({ name: "other" });
  const token = await tokenFor(runner, "limited", "operate", ["mine"]);
  const as = (method: string, path: string, body?: unknown) => ask(runner, method, path, body, { token });
  const path = one.place?.path ?? "";
  symlinkSync("/etc", join(path, "way"));
  writeFileSync(join(path, "inside"), "in");
  assert.equal((await as("GET", content("mine", "inside"))).body, "in");
  await refused(as("GET", content("mine", "way/hostname")), 403, "fs.outside_workspace");
  await refused(as("GET", content("mine", "/etc/hostname")), 403, "fs.outside_workspace");
  await refused(as("GET", content("mine", "../../x")), 403, "fs.outside_workspace");
  await refused(as("GET", "/v1/workspaces/mine/files/archive?path=way/."), 403, "fs.outside_workspace");
  await refused(as("PUT", content("mine", "way/planted"), "x"), 403, "fs.outside_workspace");
  assert.equal((await ask(runner, "GET", content("mine", "way/passwd"))).status, 200);
  const contained = ask(runner, "GET", content("mine", "way/passwd", "&contained=true"));
  await refused(contained, 403, "fs.outside_workspace");
  for (const [method, rest, body] of [
    ["GET", ""],
    ["DELETE", ""],
    ["GET", "/status"],
    ["GET", "/diff"],
    ["GET", "/config"],
    ["PATCH", "/config", {}],
    ["POST", "/init"],
    ["POST", "/rename", { name: "x" }],
    ["POST", "/stop"],
    ["POST", "/start"],
    ["POST", "/pull"],
    ["POST", "/push", {}],
    ["POST", "/apply", {}],
    ["POST", "/check"],
    ["GET", "/files/content?path=x"],
    ["PUT", "/files/content?path=x", "x"],
    ["GET", "/files/entries"],
    ["GET", "/files/stat?path=x"],
    ["POST", "/files/stat", { paths: ["x"] }],
    ["POST", "/files/directories", { path: "x" }],
    ["POST", "/files/rename", { from: "x", to: "y" }],
    ["DELETE", "/files?path=x"],
    ["GET", "/files/watch"],
    ["GET", "/files/archive?path=x"],
    ["POST", "/forwards", { remote_port: 1 }],
    ["GET", "/forwards"],
  ] as const) {
    const answer = await as(method, `/v1/workspaces/other${rest}`, body);
    const nobody = await as(method, `/v1/workspaces/nobody${rest}`, body);
    const told = ({ status, body: { error } }: typeof answer) =>
      JSON.stringify([status, error.code, error.message, error.hint]).replaceAll(/other|nobody/g, "NAME");
    assert.equal(told(answer), told(nobody), `${method} ${rest}`);
    // What reaches out of workspaces is refused whatever workspace is named.
    assert.match(answer.body.error.code, /^(workspace\.unknown|auth\.forbidden)$/);
    assert.equal(answer.status === 404, answer.body.error.code === "workspace.unknown");
  }
  assert.deepEqual(
    (await as("GET", "/v1/workspaces")).body.items.map(({ name }: { name: string }) => name),
    ["mine"],
  );
});
