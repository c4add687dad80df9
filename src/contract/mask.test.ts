import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MASKED, Secrets } from "./mask.ts";

const SECRET = 'p@ss "word"/ü+1';

function secretsOf(...values: string[]): Secrets {
  const secrets = new Secrets();
  for (const value of values) secrets.add(value);
  return secrets;
}

test("a secret is masked in texts, nested data, lists and keys", () => {
  const secrets = secretsOf(SECRET);
  assert.equal(secrets.text(`login with ${SECRET} failed`), `login with ${MASKED} failed`);
  const record = {
    type: "process.started",
    message: `ran with ${SECRET}`,
    data: { list: [{ deep: [SECRET, 1, null, true] }], [`key ${SECRET}`]: 1 },
  };
  assert.deepEqual(JSON.parse(secrets.json(JSON.stringify(record))), {
    type: "process.started",
    message: `ran with ${MASKED}`,
    data: { list: [{ deep: [MASKED, 1, null, true] }], [`key ${MASKED}`]: 1 },
  });
});

test("a secret is masked escaped in JSON inside of a text, percent-encoded and in base64 at any offset", () => {
  const secrets = secretsOf(SECRET);
  const told = [
    JSON.stringify({ password: SECRET }),
    JSON.stringify(JSON.stringify({ password: SECRET })),
    `https://user:${encodeURIComponent(SECRET)}@host/`,
    `https://host/?q=${encodeURIComponent(SECRET).replaceAll("%20", "+")}`,
    encodeURIComponent(SECRET).toLowerCase(),
    ...["", "a", "ab", "abc", "user:"].flatMap((before) => [
      Buffer.from(`${before}${SECRET}`).toString("base64"),
      Buffer.from(`${before}${SECRET} and more`).toString("base64url"),
    ]),
  ];
  for (const text of told) {
    const masked = secrets.text(text);
    assert.ok(masked.includes(MASKED), text);
    assert.ok(!masked.includes(SECRET) && !masked.includes(encodeURIComponent(SECRET)), masked);
  }
  assert.ok(!secrets.json(JSON.stringify({ message: JSON.stringify({ a: SECRET }) })).includes("word"));
});

test("a secret of several lines is masked line by line, and without the newline at its end", () => {
  const secrets = secretsOf("-----BEGIN KEY-----\nabcdefghijklmnop\nqrstuvwxyz012345\n-----END KEY-----\n");
  assert.equal(secrets.text("line: abcdefghijklmnop"), `line: ${MASKED}`);
  const file = secretsOf("from-a-file\n");
  assert.equal(file.text("got from-a-file!"), `got ${MASKED}!`);
});

test("ids, times and types never change, whatever the secrets are", () => {
  const record = {
    sequence: 2026,
    time: "2026-11-21T20:46:59.123Z",
    type: "process.started",
    workspace: "w0a1b2c3d4e",
    processId: "0k1234567890",
    cause: "req_abcdefghij",
    message: "nothing",
    data: { operation_id: "op_0123456789", created_at: "2026-11-21T20:46:59.123Z", kind: "delete" },
  };
  const secrets = secretsOf(
    "2026",
    "process",
    "w0a1b2c3d4e",
    "1234567890",
    "req_abcdefghij",
    "delete",
    "started",
    "0123456789",
    "data",
    "type",
  );
  assert.deepEqual(JSON.parse(secrets.json(JSON.stringify(record))), record);
  assert.equal(secrets.value({ message: "in 2026" }).message, `in ${MASKED}`);
});

test("a secret under the name of an id is masked all the same, unless it has the form of one", () => {
  const secrets = secretsOf("Correct Horse", "S3cr3t/Value");
  assert.deepEqual(secrets.value({ id: "Correct Horse", token_id: "S3cr3t/Value" }), {
    id: MASKED,
    token_id: MASKED,
  });
});

test("a short secret is masked only where it is the whole text", () => {
  const secrets = secretsOf("abc");
  assert.deepEqual(secrets.value({ password: "abc", message: "abcdef", "x-1": "abc" }), {
    password: MASKED,
    message: "abcdef",
    "x-1": MASKED,
  });
  assert.equal(secrets.json('{"password":"abc"}'), `{"password":"${MASKED}"}`);
});

test("tokens of Berth are masked by their form, but for what tells which it is", () => {
  const token = `berth_k3y0k3y0${"Aa0".repeat(16)}x`;
  assert.equal(new Secrets().text(`Bearer ${token}.`), "Bearer berth_k3y0k3y0….");
  assert.ok(!new Secrets().json(JSON.stringify({ error: { message: token } })).includes("Aa0"));
  assert.equal(new Secrets().text("berth_home is a name"), "berth_home is a name");
});

test("what holds no secret is returned as it is, byte for byte", () => {
  const secrets = secretsOf(SECRET);
  const odd = '{ "a" : 1e3,  "b":"\\u0041" }\n';
  assert.equal(secrets.json(odd), odd);
  assert.equal(secrets.json("no JSON at all"), "no JSON at all");
  assert.equal(secrets.json(`no JSON: ${SECRET}`), `no JSON: ${MASKED}`);
  assert.ok(secrets.json(`${JSON.stringify({ m: SECRET })}\n`).endsWith("}\n"));
});

test("a value is masked until every holder has released it; others with the same beginning stay", () => {
  const secrets = new Secrets();
  const one = secrets.add("same-start-1");
  const two = secrets.add("same-start-1");
  secrets.add("same-start-2");
  one[Symbol.dispose]();
  one[Symbol.dispose]();
  assert.equal(secrets.text("same-start-1"), MASKED);
  two[Symbol.dispose]();
  assert.equal(secrets.text("same-start-1"), "same-start-1");
  assert.equal(secrets.text("same-start-2"), MASKED);
});

test("the longest of secrets that begin alike is masked as a whole", () => {
  const secrets = secretsOf("abcd", "abcdefgh");
  assert.equal(secrets.text("xabcdefghx abcdx"), `x${MASKED}x ${MASKED}x`);
});

test("property: no secret is left in any serialized data", () => {
  const secret = fc.string({ minLength: 6, maxLength: 40 }).filter((text) => text.trim().length >= 6);
  fc.assert(
    fc.property(secret, fc.jsonValue(), fc.string(), (value, around, text) => {
      if (MASKED.includes(value) || value.includes(MASKED)) return;
      const secrets = secretsOf(value);
      const record = {
        message: `${text}${value}${text}`,
        data: { around, list: [value, { [value]: value }] },
      };
      const masked = JSON.parse(secrets.json(JSON.stringify(record))) as typeof record;
      assert.ok(!masked.message.includes(value));
      assert.ok(
        !/^[A-Za-z_]+$/.test(value) ? !JSON.stringify(masked.data).includes(JSON.stringify(value)) : true,
      );
      assert.equal(typeof JSON.stringify(masked), "string");
    }),
  );
});

test("of more values than are kept the oldest go, and the others stay found", () => {
  const secrets = new Secrets();
  const value = (index: number) => `${index * 7919}-of-many`;
  for (let index = 0; index <= 10_000; index++) secrets.add(value(index));
  assert.equal(secrets.text(value(0)), value(0));
  for (const index of [1, 500, 10_000]) assert.equal(secrets.text(value(index)), MASKED);
  for (let index = 0; index < 5; index++) secrets.add(`${index}`.repeat(1_000_000));
  assert.equal(secrets.text(value(10_000)), value(10_000), "nor more letters than are kept");
});

test("a text that comes in parts is masked as if it came whole", () => {
  const token = `berth_${"k".repeat(8)}${"x".repeat(49)}`;
  const pieces = fc.constantFrom(
    "abc",
    "abcd",
    "abcdXYZ",
    "XYZ!",
    "XYZ!long tail",
    "b",
    "be",
    ` ${token}.`,
    " ",
    "\n",
    "a",
  );
  fc.assert(
    fc.property(
      fc.array(pieces, { maxLength: 12 }),
      fc.array(fc.nat(120), { maxLength: 12 }),
      (parts, cuts) => {
        const secrets = secretsOf("abcdXYZ", "XYZ!long tail");
        const text = parts.join("");
        const ends = [...cuts, text.length].map((end) => Math.min(end, text.length)).sort((a, b) => a - b);
        let held = "";
        let seen = "";
        let from = 0;
        for (const end of ends) {
          held += text.slice(from, end);
          from = end;
          const closed = secrets.closedLength(held);
          seen += secrets.text(held.slice(0, closed));
          held = held.slice(closed);
        }
        assert.equal(seen + secrets.text(held), secrets.text(text));
      },
    ),
  );
});

test("what may be a part of a secret at a cut is told, and nothing more", () => {
  const secrets = secretsOf("correct horse");
  assert.equal(secrets.closedLength("it is cor"), "it is ".length);
  assert.equal(secrets.closedLength("it is correct horse"), "it is correct horse".length);
  assert.equal(secrets.closedLength("it is not"), "it is not".length);
  assert.deepEqual(secrets.textBehind(" horse, it is"), { text: ", it is", dropped: 6 });
  assert.deepEqual(secrets.textBehind("e\nit is"), { text: "\nit is", dropped: 1 });
  assert.deepEqual(secrets.textBehind("\nit is"), { text: "\nit is", dropped: 0 });
  assert.deepEqual(secrets.textBehind("orsecorrect horse."), { text: `${MASKED}.`, dropped: 4 });
  assert.deepEqual(secrets.textBehind("12345678correct horse"), { text: MASKED, dropped: 8 });
  assert.deepEqual(secrets.textBehind("k3k3k3k3k3 is it"), { text: " is it", dropped: 10 });
});
