import assert from "node:assert/strict";

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads the text format of Prometheus, strictly: by its grammar, each family once, its samples together behind its head. */
export function parsePrometheus(text: string): { families: Map<string, string>; samples: Sample[] } {
  const families = new Map<string, string>();
  const samples: Sample[] = [];
  const seen = new Set<string>();
  let family = "";
  assert.ok(text.endsWith("\n"), "the last line has an end");
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const head = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    if (head !== null) {
      const [, what, name = "", rest = ""] = head;
      if (what === "HELP") {
        assert.ok(!families.has(name), `${name} is there twice`);
        family = name;
        families.set(name, "untyped");
      } else {
        assert.equal(name, family);
        assert.match(rest, /^(counter|gauge|histogram)$/);
        families.set(name, rest);
      }
      continue;
    }
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    assert.ok(sample !== null, `not of the format: ${line}`);
    const [, name = "", pairs = "", value = ""] = sample;
    assert.match(name, new RegExp(`^${family}(_bucket|_sum|_count)?$`), `${name} is not of ${family}`);
    assert.ok(/^([+-]?Inf|NaN)$/.test(value) || Number.isFinite(Number(value)), `${value} is no number`);
    assert.ok(!seen.has(`${name}{${pairs}}`), `twice: ${line}`);
    seen.add(`${name}{${pairs}}`);
    samples.push({ name, labels: labelsOf(pairs), value: Number(value.replace("Inf", "Infinity")) });
  }
  return { families, samples };
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let rest = text;
  while (rest !== "") {
    const match = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/.exec(rest);
    assert.ok(match !== null, `not labels: ${rest}`);
    const [whole, name = "", value = ""] = match;
    assert.ok(!(name in labels), `${name} is there twice`);
    labels[name] = value.replace(/\\(["\\n])/g, (_, letter: string) => (letter === "n" ? "\n" : letter));
    rest = rest.slice(whole.length);
  }
  return labels;
}
