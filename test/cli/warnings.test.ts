import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { output, run } from "../fixtures/process.ts";

const BERTH = join(import.meta.dirname, "../../bin/berth.js");

test("that Node calls a part of itself experimental is not said by a command", async () => {
  const experimental = "data:text/javascript,setImmediate(()=>process.getBuiltinModule('node:wasi'))";
  const script = `--import=${experimental}`;
  const plain = await run([process.execPath, script, "--eval", "0"]);
  assert.match(plain.stderr.toString(), /ExperimentalWarning/, "this Node has such a part");
  const berth = await run([process.execPath, script, BERTH, "--version"]);
  assert.equal(berth.stderr.toString(), "");
  assert.equal(berth.exitCode, 0);
  const other =
    "data:text/javascript,setImmediate(()=>process.emitWarning('mind this','DeprecationWarning'))";
  assert.match(
    (await run([process.execPath, `--import=${other}`, BERTH, "--version"])).stderr.toString(),
    /mind this/,
  );
  assert.match(await output([process.execPath, BERTH, "--version"]), /^\d/);
});
