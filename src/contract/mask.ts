/** What stands where a secret was. */
export const MASKED = "[secret]";

/** Shorter ones are found only where they are the whole of a text: inside others they would be everywhere. */
const MIN_INSIDE = 4;
/** A part of a secret (a line, the sure letters of its base64) is looked for from this length on. */
const MIN_PART = 8;
/** Values kept; the oldest go. */
const MAX_VALUES = 10_000;
const MAX_LETTERS = 4_000_000;
/** Of four letters, five bits each. */
const HASHES = 2 ** 20;
/** A token of Berth (src/runner/access/token-text.ts): known by its form, as only hashes of tokens are kept. */
const TOKEN = /\bberth_([0-9a-z]{8})[0-9A-Za-z]{8,}/g;
/** The end of a text that may be the beginning of a token. Tokens have 50 letters. */
const TOKEN_BEGINNING = /\bb(?:e(?:r(?:t(?:h(?:_[0-9A-Za-z]{0,100})?)?)?)?)?$/;
/** The start of a text that may be the rest of a token: it has no form of its own. A few letters tell nothing of it. */
const TOKEN_REST = /^[0-9A-Za-z]{8,56}(?![0-9A-Za-z])/;

/** Fields that hold an id, a time or a type, by their names, and the forms of what they hold. */
const FIXED: readonly (readonly [field: RegExp, value: RegExp])[] = [
  [
    /^(?:ids?|cause|workspaces?|process|operation|instance|label|.*(?:_ids?|Ids?))$/,
    /^(?:w[0-9a-z]{10}|[0-9a-z]{12}|[0-9a-f]{32}|[a-z]{1,4}_[0-9a-z]{8,40}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|local)$/,
  ],
  [/^(?:time|at|since|until|.*(?:_at|At))$/, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/],
  [/^(?:types?|kind|state|status|code|reason|scope|level)$/, /^[a-z]+(?:[._][a-z]+)*$/],
];
/** Names of fields are made of letters; keys of other forms may be somebody's data. */
const FIELD_NAME = /^[A-Za-z]+(?:_[A-Za-z]+)*$/;

/**
 * Values that must not be seen, and their masking in everything that is told: events, logs, errors, answers. A value is
 * found as it is, and in the forms that it takes on its way: escaped in JSON (twice as well), percent-encoded, in base64
 * at any offset, and line by line. Tokens of Berth are found by their form. Finding costs one look at a table a letter.
 */
export class Secrets {
  readonly #uses = new Map<string, number>();
  readonly #short = new Set<string>();
  #letters = 0;
  /** Forms by the hash of their first four letters; `#filter` says which hashes there are. */
  readonly #forms = new Map<number, string[]>();
  /** Values that a form is of. */
  readonly #holders = new Map<string, number>();
  readonly #filter = new Uint8Array(HASHES);
  /** What the forms begin with, up to three letters; found when it is asked for. */
  #starts: Set<string> | undefined;

  /** Holds a value until it is released. The empty one is none. */
  add(value: string): Disposable {
    const uses = this.#uses.get(value) ?? 0;
    if (value !== "") {
      this.#uses.delete(value);
      this.#uses.set(value, uses + 1);
      if (uses === 0) this.#enter(value);
      while (this.#uses.size > MAX_VALUES || (this.#letters > MAX_LETTERS && this.#uses.size > 1)) {
        this.#forget(this.#uses.keys().next().value ?? "");
      }
    }
    let released = value === "";
    return {
      [Symbol.dispose]: () => {
        if (released) return;
        released = true;
        const left = (this.#uses.get(value) ?? 0) - 1;
        if (left > 0) this.#uses.set(value, left);
        else if (left === 0) this.#forget(value);
      },
    };
  }

  /** A text without the secrets in it. */
  text(text: string): string {
    const tokens = text.includes("berth_") ? text.replace(TOKEN, maskedToken) : text;
    return this.#short.has(tokens) ? MASKED : this.#replace(tokens);
  }

  /**
   * Length of the part of a text that can be masked by itself when more text follows: behind it a secret may have begun.
   */
  closedLength(text: string): number {
    const token = text.length - (TOKEN_BEGINNING.exec(text.slice(-200))?.[0].length ?? 0);
    // What begins before the token may reach into it.
    return this.#closedLength(text.slice(0, token));
  }

  /**
   * A text without the secrets in it, and without what may be the end of one at its start: what stood before it is not
   * known. `dropped`: how many letters that was.
   */
  textBehind(text: string): { readonly text: string; readonly dropped: number } {
    let rest = 0;
    const first = text.charCodeAt(0);
    for (const form of this.#holders.keys()) {
      for (let start = 1; form.length - start > rest; start++) {
        if (form.charCodeAt(start) === first && text.startsWith(form.slice(start)))
          rest = form.length - start;
      }
    }
    // Whole secrets are gone before what looks like a part of a token is: it may be the beginning of one.
    const masked = this.text(text.slice(rest));
    const token = TOKEN_REST.exec(masked)?.[0].length ?? 0;
    return { text: masked.slice(token), dropped: rest + token };
  }

  /**
   * Serialized JSON without the secrets in it; ids, times and types in it stay as they are, and so does everything when
   * there is none in it. What is no JSON is masked as text.
   */
  json(serialized: string): string {
    if (!this.#isSuspect(serialized)) return serialized;
    const end = serialized.endsWith("\n") ? "\n" : "";
    let parsed: unknown;
    try {
      parsed = JSON.parse(serialized);
    } catch {
      return this.text(serialized);
    }
    return JSON.stringify(this.value(parsed)) + end;
  }

  /** A copy of plain data without the secrets in it; ids, times and types in it stay as they are. */
  value<T>(value: T): T {
    return this.#walk(value, "") as T;
  }

  #walk(value: unknown, field: string): unknown {
    if (typeof value === "string") return isFixed(field, value) ? value : this.text(value);
    if (Array.isArray(value)) return value.map((item) => this.#walk(item, field));
    if (typeof value !== "object" || value === null) return value;
    if ("toJSON" in value && typeof value.toJSON === "function") return this.#walk(value.toJSON(), field);
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        FIELD_NAME.test(key) ? key : this.text(key),
        this.#walk(item, key),
      ]),
    );
  }

  /** Whether something in a serialized text may have to be masked; true too often does no harm. */
  #isSuspect(text: string): boolean {
    if (text.includes("berth_")) return true;
    for (const short of this.#short) if (text.includes(JSON.stringify(short))) return true;
    return this.#replace(text, true) !== text;
  }

  #closedLength(text: string): number {
    if (this.#forms.size === 0) return text.length;
    const starts = this.#formStarts();
    for (let start = 0; start < text.length; start++) {
      const left = text.length - start;
      if (left < MIN_INSIDE) {
        if (starts.has(text.slice(start))) return start;
        continue;
      }
      const hash = hashAt(text, start);
      if (this.#filter[hash] !== 1) continue;
      const forms = this.#forms.get(hash) ?? [];
      if (forms.some((form) => form.length > left && form.startsWith(text.slice(start)))) return start;
      const found = forms.find((form) => text.startsWith(form, start));
      if (found !== undefined) start += found.length - 1;
    }
    return text.length;
  }

  #formStarts(): ReadonlySet<string> {
    if (this.#starts === undefined) {
      this.#starts = new Set();
      for (const form of this.#holders.keys()) {
        for (let letters = 1; letters < MIN_INSIDE; letters++) this.#starts.add(form.slice(0, letters));
      }
    }
    return this.#starts;
  }

  #enter(value: string): void {
    this.#starts = undefined;
    this.#letters += value.length;
    if (value.length < MIN_INSIDE) this.#short.add(value);
    for (const text of formsOf(value)) {
      const known = this.#holders.get(text) ?? 0;
      this.#holders.set(text, known + 1);
      if (known > 0) continue;
      const hash = startHash(text);
      const forms = this.#forms.get(hash) ?? [];
      // Longest first: a form may begin like a shorter one.
      const place = forms.findIndex((form) => form.length <= text.length);
      forms.splice(place === -1 ? forms.length : place, 0, text);
      this.#forms.set(hash, forms);
      this.#filter[hash] = 1;
    }
  }

  #forget(value: string): void {
    this.#starts = undefined;
    this.#letters -= value.length;
    this.#uses.delete(value);
    this.#short.delete(value);
    for (const text of formsOf(value)) {
      const left = (this.#holders.get(text) ?? 1) - 1;
      if (left > 0) {
        this.#holders.set(text, left);
        continue;
      }
      this.#holders.delete(text);
      const hash = startHash(text);
      const forms = this.#forms.get(hash) ?? [];
      forms.splice(forms.indexOf(text), 1);
      if (forms.length > 0) continue;
      this.#forms.delete(hash);
      this.#filter[hash] = 0;
    }
  }

  #replace(text: string, first = false): string {
    if (this.#forms.size === 0) return text;
    let result = "";
    let done = 0;
    let hash = 0;
    for (let index = 0; index < text.length; index++) {
      hash = nextHash(hash, text.charCodeAt(index));
      const start = index - (MIN_INSIDE - 1);
      if (this.#filter[hash] !== 1 || start < done) continue;
      const found = this.#forms.get(hash)?.find((form) => text.startsWith(form, start));
      if (found === undefined) continue;
      result += text.slice(done, start) + MASKED;
      if (first) return result;
      done = start + found.length;
      index = Math.max(index, done - 1);
    }
    return done === 0 ? text : result + text.slice(done);
  }
}

/** Secrets that this program holds, for whichever part of it tells something. */
export const HELD_SECRETS = new Secrets();

function isFixed(field: string, value: string): boolean {
  return FIXED.some(([fields, values]) => fields.test(field) && values.test(value));
}

/** What may be told of a token: enough to recognise it in `berth token list`. */
function maskedToken(_token: string, key: string): string {
  return `berth_${key}…`;
}

function startHash(form: string): number {
  return hashAt(form, 0);
}

function hashAt(text: string, start: number): number {
  let hash = 0;
  for (let index = start; index < start + MIN_INSIDE; index++) hash = nextHash(hash, text.charCodeAt(index));
  return hash;
}

/** A letter is shifted out by the fourth after it: the hash is of the last four. */
function nextHash(hash: number, letter: number): number {
  return ((hash << 5) ^ letter) & (HASHES - 1);
}

/** The forms of a value that are long enough to be looked for inside of texts. */
function formsOf(value: string): string[] {
  if (value.length < MIN_INSIDE) return [];
  const trimmed = value.trim();
  const lines = trimmed.split(/\r?\n/).map((line) => line.trim());
  const parts = lines.length > 1 ? lines.filter((line) => line.length >= MIN_PART) : [];
  const whole = trimmed.length >= MIN_INSIDE ? [value, trimmed] : [value];
  const plain = [...whole, ...parts];
  return [...new Set([...plain, ...plain.flatMap(encodings), ...whole.flatMap(base64Forms)])];
}

function encodings(value: string): string[] {
  const escaped = JSON.stringify(value).slice(1, -1);
  const twice = JSON.stringify(escaped).slice(1, -1);
  const percent = encodeURIComponent(value.toWellFormed());
  const lower = percent.replace(/%../g, (code) => code.toLowerCase());
  return [escaped, twice, percent, lower, percent.replaceAll("%20", "+")];
}

/** The letters that the value gives in base64 whatever stands before and behind it, for each of the three offsets. */
function base64Forms(value: string): string[] {
  const bytes = Buffer.from(value);
  return [0, 1, 2].flatMap((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString("base64")
      .replace(/=+$/, "");
    const first = Math.ceil((offset * 8) / 6);
    const last = Math.floor(((offset + bytes.length) * 8) / 6);
    const sure = text.slice(first, last);
    if (sure.length < MIN_PART) return [];
    return [sure, sure.replaceAll("+", "-").replaceAll("/", "_")];
  });
}
