import assert from "node:assert/strict";
import { test } from "node:test";
import { listeningAddress, sortedPorts } from "./listening.ts";

test("addresses as the kernel writes them", () => {
  const cases: readonly (readonly [string, string, number])[] = [
    ["0100007F:1F90", "127.0.0.1", 8080],
    ["00000000:0016", "0.0.0.0", 22],
    ["00000000000000000000000000000000:0050", "::", 80],
    ["00000000000000000000000001000000:FFFF", "::1", 65_535],
    ["0000000000000000FFFF00000100007F:0BB8", "::ffff:127.0.0.1", 3000],
    ["B80D0120000000000000000001000000:0BB8", "2001:db8::1", 3000],
  ];
  for (const [text, host, port] of cases) assert.deepEqual(listeningAddress(text), { host, port }, text);
  for (const text of ["", "local_address", "0100007F", "0100007F:1F9", "010000:1F90"]) {
    assert.equal(listeningAddress(text), undefined, text);
  }
});

test("by port and address, each once, with its process where one is known", () => {
  const host = "127.0.0.1";
  const ports = [
    { port: 90, host: "::" },
    { port: 90, host },
    { port: 80, host, command: "a" },
    { port: 80, host, command: "a", processId: "p" },
    { port: 80, host },
  ];
  assert.deepEqual(sortedPorts(ports), [
    { port: 80, host, command: "a", processId: "p" },
    { port: 90, host },
    { port: 90, host: "::" },
  ]);
});
