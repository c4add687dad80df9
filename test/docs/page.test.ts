import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { SCREENSHOTS } from "../page/screenshots.ts";

const DOCS = join(import.meta.dirname, "../../docs");
const text = readFileSync(join(DOCS, "page.md"), "utf8");

test("the pictures of docs/page.md are some that the tests of the page make", () => {
  const pictures = [...text.matchAll(/\]\(images\/([^)]+)\)/g)].map(([, file = ""]) => file);
  assert.ok(pictures.length > 8);
  for (const picture of pictures) {
    const [, name = ""] = /^([\w-]+?)(?:-(?:360|2560))?-(?:light|dark)\.png$/.exec(picture) ?? [];
    assert.ok(Object.hasOwn(SCREENSHOTS, name), picture);
  }
});

test("its links lead somewhere", () => {
  for (const [, target = ""] of text.matchAll(/\]\((?!images\/)([^)]+)\)/g)) {
    const [path = "", anchor] = target.split("#");
    const file = path === "" ? join(DOCS, "page.md") : join(DOCS, path);
    assert.ok(existsSync(file), target);
    if (anchor === undefined) continue;
    const headings = [...readFileSync(file, "utf8").matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} -]/gu, "")
        .replaceAll(" ", "-"),
    );
    assert.ok(headings.includes(anchor), `${target} in ${dirname(file)}`);
  }
});
