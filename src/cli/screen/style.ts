/** What each parameter of SGR takes back. */
const ENDS: Readonly<Record<number, readonly string[]>> = {
  22: ["bold", "dim"],
  23: ["italic"],
  24: ["underline"],
  25: ["blink"],
  27: ["inverse"],
  28: ["invisible"],
  29: ["strike"],
  39: ["foreground"],
  49: ["background"],
  55: ["overline"],
  59: ["underline color"],
};

const SETS: Readonly<Record<number, string>> = {
  1: "bold",
  2: "dim",
  3: "italic",
  4: "underline",
  5: "blink",
  6: "blink",
  7: "inverse",
  8: "invisible",
  9: "strike",
  21: "underline",
  38: "foreground",
  48: "background",
  53: "overline",
  58: "underline color",
};

/** How the next character looks: what SGR has set since it last took everything back. */
export class Style {
  readonly #set = new Map<string, string>();

  /** Parameters as the emulator gives them: those behind colons as a list. */
  apply(params: readonly (number | number[])[]): void {
    if (params.length === 0) this.#set.clear();
    for (let at = 0; at < params.length; at++) {
      const param = params[at];
      if (typeof param !== "number") continue;
      const following = params[at + 1];
      const colons = Array.isArray(following) ? following : undefined;
      const text = colons === undefined ? String(param) : [param, ...colons].join(":");
      if (param === 0) this.#set.clear();
      else if ((param === 38 || param === 48 || param === 58) && colons === undefined) {
        const length = following === 2 ? 5 : 3;
        this.#set.set(SETS[param] ?? "", params.slice(at, at + length).join(";"));
        at += length - 1;
      } else if (text === "4:0") this.#set.delete("underline");
      else if (ENDS[param] !== undefined) for (const name of ENDS[param]) this.#set.delete(name);
      else if (isColor(param, 30)) this.#set.set("foreground", text);
      else if (isColor(param, 40)) this.#set.set("background", text);
      else if (SETS[param] !== undefined) this.#set.set(SETS[param], text);
    }
  }

  clear(): void {
    this.#set.clear();
  }

  /** Parameters of SGR behind a reset, each with a semicolon in front. */
  get parameters(): string {
    return [...this.#set.values()].map((text) => `;${text}`).join("");
  }

  /** @param parameters of `parameters` */
  restore(parameters: string): void {
    this.#set.clear();
    this.apply(parseParameters(parameters));
  }
}

function isColor(param: number, base: 30 | 40): boolean {
  return (param >= base && param < base + 8) || (param >= base + 60 && param < base + 68);
}

function parseParameters(text: string): (number | number[])[] {
  return text
    .split(";")
    .slice(1)
    .flatMap((param): (number | number[])[] => {
      const [first = 0, ...rest] = param.split(":").map(Number);
      return rest.length === 0 ? [first] : [first, rest];
    });
}
