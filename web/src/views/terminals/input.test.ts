import assert from "node:assert/strict";
import { test } from "node:test";
import { linesAtOnce, pasteText, portInPlace, terminalKey, typesSomething, webAddress } from "./input.ts";
import { endWords, freeName, terminalName } from "./words.ts";

test("only addresses of the web are opened; those of the place are told from others", () => {
  for (const text of ["javascript:alert(1)", "file:///etc/passwd", "ssh://x", "data:text/html,x", "nonsense"])
    assert.equal(webAddress(text), undefined, text);
  const ports = ["http://localhost:3000/a?b", "http://127.0.0.1", "https://[::1]/", "http://0.0.0.0:8080"];
  assert.deepEqual(
    ports.map((text) => portInPlace(new URL(text))),
    [3000, 80, 443, 8080],
  );
  for (const text of ["http://localhost.example:3000", "https://127.0.0.1.example"])
    assert.equal(portInPlace(new URL(text)), undefined, text);
});

test("a paste can't pretend that it is over, and several lines at once are told", () => {
  assert.equal(pasteText("a\x1b[201~\nrm -rf x\x9b201~"), "a\u241b[201~\nrm -rf x\u241b201~");
  assert.equal(pasteText("a\tb\r\nrm -rf x\x0f\x03\x7f"), "a\tb\r\nrm -rf x\u240f\u2403\u2421");
  assert.equal(linesAtOnce("one\n", false), 0);
  assert.equal(linesAtOnce("one\r\ntwo\nthree\n\n", false), 3);
  assert.equal(linesAtOnce("one\ntwo", true), 0, "the program takes it as text");
});

test("keys of the page are those that neither shells nor browsers need", () => {
  const key = (text: string) => {
    const parts = text.split("+");
    const name = parts.at(-1) ?? "";
    return {
      key: name === "Space" ? " " : name,
      code: name,
      ctrlKey: parts.includes("Ctrl"),
      metaKey: parts.includes("Meta"),
      shiftKey: parts.includes("Shift"),
      altKey: parts.includes("Alt"),
    };
  };
  const linux = (text: string) => terminalKey(key(text), false);
  const mac = (text: string) => terminalKey(key(text), true);
  for (const text of [
    "Ctrl+c",
    "Ctrl+v",
    "Ctrl+k",
    "Ctrl+f",
    "Ctrl+Space",
    "c",
    "Alt+c",
    "Ctrl+Shift+_",
    "F6",
  ])
    assert.equal(linux(text), undefined, text);
  assert.deepEqual(
    ["Ctrl+Shift+C", "Ctrl+Shift+V", "Ctrl+=", "Ctrl+-", "Ctrl+0", "Ctrl+Shift+F", "Ctrl+Shift+Space"].map(
      linux,
    ),
    ["copy", "paste", "larger", "smaller", "normal", "page", "leave"],
  );
  assert.deepEqual(["Meta+c", "Meta+v", "Meta+k", "Ctrl+c", "Ctrl+Shift+C"].map(mac), [
    "copy",
    "paste",
    "page",
    undefined,
    undefined,
  ]);
  assert.deepEqual(
    ["Shift", "a", "Ctrl+c", "Enter", "Meta+a"].map((text) => typesSomething(key(text))),
    [false, true, true, true, false],
  );
});

test("terminals are called by their name, else by what they run", () => {
  const id = "proc_1";
  assert.equal(terminalName({ id, name: "dev", command: ["/bin/bash", "-l"] }), "dev");
  assert.equal(terminalName({ id, name: null, command: ["/bin/bash", "-l"] }), "bash -l");
  assert.equal(terminalName({ id, name: null, command: ["/bin/sh", "-c", "npm  run\ndev"] }), "npm run dev");
  assert.equal(terminalName({ id, name: null, command: ["x".repeat(99)] }).length, 40);
  const names = [
    { name: "shell", state: "running" },
    { name: "shell-2", state: "exited" },
    { name: "shell-3", state: "running" },
  ] as const;
  assert.equal(freeName("shell", names), "shell-2");
  assert.equal(freeName("dev", names), "dev");
});

test("how a terminal ended is said in words", () => {
  const exit = { exit_code: 0, signal: null, timed_out: false, duration_ms: 185_000, waiting: null };
  assert.equal(endWords(exit), "ended with code 0 after 3 min");
  assert.equal(endWords({ ...exit, exit_code: null, signal: "SIGHUP" }), "ended by SIGHUP after 3 min");
});
