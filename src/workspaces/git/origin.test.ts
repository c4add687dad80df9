import assert from "node:assert/strict";
import { test } from "node:test";
import { expandShorthand, portableUrl } from "./origin.ts";

test("a URL loses its credentials", () => {
  const cases: Record<string, string> = {
    "https://example.com/a/b.git": "https://example.com/a/b.git",
    "https://user:t0ken@example.com/a/b.git": "https://example.com/a/b.git",
    "https://t0ken@example.com:8443/a": "https://example.com:8443/a",
    "https://us%40er:t0k@en@example.com/a@b/c": "https://example.com/a@b/c",
    "HTTP://user:t0ken@[::1]:80/a": "http://[::1]:80/a",
    "https://example.com/a?private_token=t0ken#t0ken": "https://example.com/a",
    "ssh://git@example.com:2222/a": "ssh://git@example.com:2222/a",
    "ssh://git:t0ken@example.com/~/a": "ssh://git@example.com/~/a",
    "git+ssh://:t0ken@example.com/a": "git+ssh://example.com/a",
    "git://user:t0ken@example.com/a": "git://example.com/a",
    "git@example.com:a/b.git": "git@example.com:a/b.git",
    "git:t0ken@example.com:a/b.git": "git@example.com:a/b.git",
    "example.com:a/b.git": "example.com:a/b.git",
    "git@[::1]:a b/c": "git@[::1]:a b/c",
  };
  for (const [url, expected] of Object.entries(cases)) {
    assert.equal(portableUrl(url).url, expected, url);
    assert.ok(!expected.includes("t0k"));
  }
});

test("what means something on this machine only is left out", () => {
  for (const url of [
    "/srv/git/a.git",
    "../a.git",
    "a.git",
    "./a:b",
    "file:///srv/a",
    "ext::sh -c echo% t0ken",
    "weird+thing://a/b",
    "https://user:pa/ss@example.com/a",
    "https://",
    "",
  ]) {
    const portable = portableUrl(url);
    assert.equal(portable.url, undefined, url);
    assert.ok(portable.leftOut !== undefined && !portable.leftOut.includes("t0k"), url);
  }
});

test("a shorthand becomes the URL that the user's git makes of it, a whole URL stays", () => {
  const config = new Map([
    ["url.git@example.com:.insteadof", ["gh:", "https://example.com/"]],
    ["url.git@example.com:team/.insteadof", ["gh:t/"]],
  ]);
  assert.equal(expandShorthand("gh:a/b", config), "git@example.com:a/b");
  assert.equal(expandShorthand("gh:t/b", config), "git@example.com:team/b");
  assert.equal(expandShorthand("https://example.com/a", config), "https://example.com/a");
});
