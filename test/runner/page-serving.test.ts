import assert from "node:assert/strict";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from "node:zlib";
import { pageDirectory } from "../../src/runner/page/files.ts";
import { type Scratch, scratchDirectory } from "../fixtures/disk.ts";
import { type TestRunner, testRunner } from "../fixtures/runner.ts";
import { type Sent, send } from "./access-desk.ts";

const SCRIPT = `console.log("page");${" ".repeat(1_000)}`;
const DOCUMENT = `<!doctype html><meta name="berth-nonce" content="__BERTH_NONCE__"><script src="/assets/a-1.js"></script>`;

let scratch: Scratch;
let runner: TestRunner;
before(async () => {
  scratch = await scratchDirectory();
  const directory = join(scratch.path, "web");
  await mkdir(join(directory, "assets"), { recursive: true });
  const files: Record<string, string | Uint8Array> = {
    "index.html": DOCUMENT,
    "favicon.svg": "<svg/>",
    "assets/a-1.js": SCRIPT,
    "assets/a-1.js.br": brotliCompressSync(SCRIPT),
    "assets/a-1.js.gz": gzipSync(SCRIPT),
    "assets/b-2.css": "a{}",
    "assets/.hidden.js": "of elsewhere",
    "../outside.js": "of elsewhere",
    "notes.odd": "of no known type",
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(directory, name), content);
  await symlink("../../outside.js", join(directory, "assets", "link.js"));
  runner = await testRunner({ inProcess: true, pageDirectory: directory });
});
after(async () => {
  await runner[Symbol.asyncDispose]();
  await scratch[Symbol.asyncDispose]();
});

function get(path: string, headers: Record<string, string> = {}, sent: Partial<Sent> = {}) {
  const port = Number(new URL(runner.url).port);
  return send(port, path, { host: `127.0.0.1:${port}`, headers, ...sent });
}

const HTML = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };

test("the page and its addresses are one document, with a policy whose number differs each time", async () => {
  const nonces = new Set<string>();
  for (const [path, headers] of [
    ["/", {}],
    ["/?x=1", HTML],
    ["/sign-in", HTML],
    ["/workspaces/fix-login/files/a.js", HTML],
    ["/v2", HTML],
  ] as const) {
    const { status, headers: got, text } = await get(path, headers);
    assert.equal(status, 200, path);
    assert.equal(got["content-type"], "text/html; charset=utf-8");
    assert.equal(got["cache-control"], "no-store");
    const nonce = /content="([\w-]{24})"/.exec(text)?.[1] ?? "";
    assert.ok(nonce !== "" && !text.includes("__BERTH"), text);
    nonces.add(nonce);
    assert.equal(
      got["content-security-policy"],
      `default-src 'none'; script-src 'self'; style-src 'self' 'nonce-${nonce}'; img-src 'self' blob: data:; font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'`,
    );
    assert.equal(got["referrer-policy"], "no-referrer");
    assert.equal(got["x-content-type-options"], "nosniff");
    assert.equal(got["x-frame-options"], "DENY");
    assert.equal(got["cross-origin-opener-policy"], "same-origin");
    assert.equal(got["cross-origin-resource-policy"], "same-origin");
    const permissions = got["permissions-policy"]?.toString().split(", ") ?? [];
    const allowed = permissions.filter((text) => !text.endsWith("=()"));
    assert.deepEqual(allowed, ["clipboard-read=(self)", "clipboard-write=(self)"]);
    assert.equal(got["set-cookie"], undefined);
  }
  assert.equal(nonces.size, 5);
});

test("what is of the API stays its own: an unknown path there is no page, and nobody else's document", async () => {
  for (const path of ["/v1", "/v1/", "/v1/nothing", "/v1/workspaces/../nothing"]) {
    const { json } = await get(path, HTML);
    assert.equal(json.error?.code, "request.unknown_route", path);
  }
  assert.equal((await get("/v1/workspaces", HTML)).status, 401);
  assert.equal((await get("/anything", { accept: "application/json" })).status, 404);
  assert.equal((await get("/", HTML, { method: "POST" })).status, 404);
  assert.equal((await get("/", HTML, { host: "evil.example" })).status, 421);
  const framed = { ...HTML, "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" };
  assert.equal((await get("/favicon.svg", framed)).status, 403);
  const linked = { ...HTML, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };
  assert.equal((await get("/", linked)).status, 200, "a link to the page may be followed");
});

test("only what was read at the start is served: no path gets to the file system", async () => {
  for (const path of [
    "/assets/..%2findex.html",
    "/assets/../../outside.js",
    "/assets/%2e%2e/%2e%2e/outside.js",
    "/../outside.js",
    "//etc/passwd",
    "/assets/link.js",
    "/assets/.hidden.js",
    "/assets/a-1.js/",
    "/assets/a-1.js%00",
    "/assets/a-1.js.br",
    "/assets/",
    "/assets/nothing.js",
    "/notes.odd",
  ]) {
    for (const headers of path.startsWith("/assets/") ? [{}, HTML] : [{}]) {
      const { status, text } = await get(path, headers);
      assert.equal(status, 404, path);
      assert.ok(!/of elsewhere|root:/.test(text), text);
    }
  }
  await rm(join(scratch.path, "web", "assets", "b-2.css"));
  assert.equal((await get("/assets/b-2.css")).text, "a{}");
});

test("files are told by their content, compressed for who takes that, and kept for good when their name says so", async () => {
  const url = `${runner.url}/assets/a-1.js`;
  const bytes = async (accepted: string) => {
    const port = Number(new URL(runner.url).port);
    const { request } = await import("node:http");
    return await new Promise<{ encoding: string | undefined; etag: string; body: Buffer }>(
      (resolve, reject) => {
        request(url, { port, headers: { "accept-encoding": accepted }, agent: false })
          .on("response", async (response) => {
            assert.equal(response.headers.vary, "Accept-Encoding");
            assert.equal(response.headers["cache-control"], "public, max-age=31536000, immutable");
            assert.equal(response.headers["content-type"], "text/javascript; charset=utf-8");
            const body = Buffer.concat(await response.toArray());
            assert.equal(Number(response.headers["content-length"]), body.length);
            const { "content-encoding": encoding, etag = "" } = response.headers;
            resolve({ encoding, etag, body });
          })
          .on("error", reject)
          .end();
      },
    );
  };
  const [br, gzip, plain] = [await bytes("gzip, br"), await bytes("br;q=0, GZIP;q=0.5"), await bytes("zstd")];
  assert.deepEqual([br.encoding, gzip.encoding, plain.encoding], ["br", "gzip", undefined]);
  assert.equal(brotliDecompressSync(br.body).toString(), SCRIPT);
  assert.equal(gunzipSync(gzip.body).toString(), SCRIPT);
  assert.equal(plain.body.toString(), SCRIPT);
  assert.equal(new Set([br.etag, gzip.etag, plain.etag]).size, 3);

  const known = await get("/assets/a-1.js", { "if-none-match": `"x", W/${plain.etag}` });
  assert.deepEqual([known.status, known.text, known.headers.etag], [304, "", plain.etag]);
  assert.equal((await get("/assets/a-1.js", { "if-none-match": br.etag })).status, 200, "another form of it");
  const head = await get("/assets/a-1.js", {}, { method: "HEAD" });
  assert.deepEqual([head.status, head.text], [200, ""]);
  assert.equal(Number(head.headers["content-length"]), SCRIPT.length);
  const page = await get("/", {}, { method: "HEAD" });
  assert.deepEqual([page.status, page.text], [200, ""]);
  const icon = await get("/favicon.svg");
  assert.deepEqual(
    [icon.headers["content-type"], icon.headers["cache-control"]],
    ["image/svg+xml", "no-cache"],
  );
  assert.match(icon.headers["content-security-policy"]?.toString() ?? "", /^default-src 'none';/);
});

test("without a built page there is one that says how to build it, and the API works", async () => {
  await using bare = await testRunner({ inProcess: true, pageDirectory: join(scratch.path, "nothing") });
  const port = Number(new URL(bare.url).port);
  const { status, text, headers } = await send(port, "/", { host: `127.0.0.1:${port}` });
  assert.deepEqual([status, headers["content-type"]], [503, "text/html; charset=utf-8"]);
  assert.match(text, /npm run build/);
  assert.equal((await bare.call("/v1/workspaces")).status, 200);
  assert.match(pageDirectory(), /\/dist\/web$/);
});

test("requests for the page count in the limit of their address", async () => {
  await using slow = await testRunner({ inProcess: true, callsPerMinute: 3, pageDirectory: scratch.path });
  const port = Number(new URL(slow.url).port);
  const statuses = [];
  for (let count = 0; count < 5; count++) {
    statuses.push((await send(port, "/", { host: `127.0.0.1:${port}`, headers: HTML })).status);
  }
  assert.deepEqual(statuses, [503, 503, 503, 429, 429]);
});
