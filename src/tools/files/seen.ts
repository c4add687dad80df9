import type { FileVersion } from "../../contract/text.ts";
import type { SeenFiles } from "../tool.ts";

/** Letters of text that are kept to show what changed; the files not seen for longest lose theirs first. */
const MAX_LETTERS = 8 * 1024 * 1024;
/** Files whose version is known. */
const MAX_FILES = 20_000;

interface Seen {
  readonly version: FileVersion;
  lines: Map<number, string>;
  letters: number;
}

/** What one conversation knows of files: nothing at first. */
export function createSeenFiles(): SeenFiles {
  return new Memory();
}

class Memory implements SeenFiles {
  /** The one seen last is the last. */
  readonly #files = new Map<string, Seen>();
  readonly #turns = new Map<string, Promise<unknown>>();
  #letters = 0;

  saw(path: string, version: FileVersion, lines?: ReadonlyMap<number, string>): void {
    const before = this.#files.get(path);
    const seen =
      before?.version === version ? before : { version, lines: new Map<number, string>(), letters: 0 };
    if (before !== undefined) {
      this.#files.delete(path);
      if (before !== seen) this.#letters -= before.letters;
    }
    this.#files.set(path, seen);
    let letters = 0;
    for (const [number, text] of lines ?? []) {
      letters += text.length - (seen.lines.get(number)?.length ?? 0);
      seen.lines.set(number, text);
    }
    seen.letters += letters;
    this.#letters += letters;
    this.#makeRoom();
  }

  version(path: string): FileVersion | undefined {
    return this.#files.get(path)?.version;
  }

  lines(path: string): ReadonlyMap<number, string> | undefined {
    return this.#files.get(path)?.lines;
  }

  forget(path: string): void {
    this.#letters -= this.#files.get(path)?.letters ?? 0;
    this.#files.delete(path);
  }

  async inTurn<T>(paths: readonly string[], action: () => Promise<T>): Promise<T> {
    const names = [...new Set(paths)];
    const before = names.map((name) => this.#turns.get(name));
    const running = Promise.all(before).then(action);
    // Those behind wait for its end, whatever it is.
    const over = running.then(
      () => {},
      () => {},
    );
    for (const name of names) this.#turns.set(name, over);
    try {
      return await running;
    } finally {
      for (const name of names) if (this.#turns.get(name) === over) this.#turns.delete(name);
    }
  }

  #makeRoom(): void {
    for (const [path, seen] of this.#files) {
      if (this.#files.size > MAX_FILES) this.forget(path);
      else if (this.#letters <= MAX_LETTERS) return;
      else {
        this.#letters -= seen.letters;
        seen.lines = new Map();
        seen.letters = 0;
      }
    }
  }
}
