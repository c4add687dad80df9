import { FitAddon } from "@xterm/addon-fit";
import { type ISearchOptions, SearchAddon } from "@xterm/addon-search";
import { UnicodeGraphemesAddon } from "@xterm/addon-unicode-graphemes";
import { WebLinksAddon } from "@xterm/addon-web-links";
import type { WebglAddon } from "@xterm/addon-webgl";
import { Terminal } from "@xterm/xterm";
import { isDark, onTheme } from "../../shell/theme.ts";
import { keep, kept } from "../../state/kept.ts";
import { DARK, LIGHT, MATCHES } from "./colours.ts";
import { webAddress } from "./input.ts";

/** Lines above the screen that can be scrolled to. */
const SCROLLBACK_LINES = 10_000;
/** Matches that are marked; more are found all the same. */
const MARKED_MATCHES = 1000;
/** Pixels: letters of a terminal that is larger than its room are no smaller. */
const LEAST_SHOWN = 9;
/** WCAG AA for text, also where a program chooses both colours. */
const CONTRAST = 4.5;

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface EmulatorOptions {
  readonly fontSize: number;
  readonly onLink: (address: URL) => void;
  /** The address below the pointer; undefined when it has left. */
  readonly onHover: (address: string | undefined) => void;
}

export interface SearchTerms {
  readonly text: string;
  readonly isCaseSensitive: boolean;
  readonly isPattern: boolean;
}

/** The terminal that is seen, with what it is made of. Knows of no process. */
export class Emulator implements Disposable {
  readonly terminal: Terminal;
  readonly #fit = new FitAddon();
  readonly #search = new SearchAddon({ highlightLimit: MARKED_MATCHES });
  readonly #forgetTheme: () => void;
  #webgl: WebglAddon | undefined;
  #isSeen = false;
  /** The context was lost once: it is not asked for again. */
  #withoutWebgl = false;

  constructor({ fontSize, onLink, onHover }: EmulatorOptions) {
    const activate = (_event: MouseEvent, text: string) => {
      const address = webAddress(text);
      if (address !== undefined) onLink(address);
    };
    const hover = (_event: MouseEvent, text: string) => onHover(text);
    const leave = () => onHover(undefined);
    this.terminal = new Terminal({
      allowProposedApi: true,
      scrollback: SCROLLBACK_LINES,
      fontSize,
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue("--mono"),
      minimumContrastRatio: CONTRAST,
      cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      cursorInactiveStyle: "outline",
      rescaleOverlappingGlyphs: true,
      macOptionClickForcesSelection: true,
      screenReaderMode: screenReaderMode.get(),
      overviewRuler: { width: 10 },
      linkHandler: { activate, hover, leave },
      logLevel: "off",
      theme: isDark() ? DARK : LIGHT,
    });
    this.terminal.loadAddon(this.#fit);
    this.terminal.loadAddon(this.#search);
    this.terminal.loadAddon(new UnicodeGraphemesAddon());
    this.terminal.loadAddon(new WebLinksAddon(activate, { hover, leave }));
    this.#forgetTheme = onTheme(() => {
      this.terminal.options.theme = isDark() ? DARK : LIGHT;
    });
  }

  /** Puts it there. `help`: id of what screen readers say of where one types, behind its label. */
  open(host: HTMLElement, help: string): void {
    this.terminal.open(host);
    this.terminal.textarea?.setAttribute("aria-describedby", help);
  }

  /** What screen readers call where one types. */
  set label(label: string) {
    this.terminal.textarea?.setAttribute("aria-label", label);
  }

  /** Of those that can be seen only: browsers have few contexts of WebGL. */
  set seen(seen: boolean) {
    this.#isSeen = seen;
    if (!seen) this.#leaveWebgl();
    else if (this.#webgl === undefined && !this.#withoutWebgl && hasFastWebgl()) void this.#enterWebgl();
  }

  /** Pixels. */
  set fontSize(size: number) {
    this.terminal.options.fontSize = size;
  }

  /** The size that fills its room; undefined while that is not known. */
  fitting(): Size | undefined {
    // What is not shown has no size.
    if (!this.terminal.element?.parentElement?.clientWidth) return undefined;
    const size = this.#fit.proposeDimensions();
    if (size === undefined || !Number.isFinite(size.cols) || !Number.isFinite(size.rows)) return undefined;
    return { columns: Math.max(2, size.cols), rows: Math.max(1, size.rows) };
  }

  /** The size is somebody else's: letters are smaller where that makes all of it fit, down to what can be read. */
  show(size: Size, fontSize: number): void {
    this.fontSize = fontSize;
    const room = this.fitting();
    if (room !== undefined) {
      const part = Math.min(1, room.columns / size.columns, room.rows / size.rows);
      this.fontSize = Math.max(Math.min(fontSize, LEAST_SHOWN), Math.floor(fontSize * part));
    }
    this.resize(size);
    const host = this.terminal.element?.parentElement;
    host?.scrollTo({ top: host.scrollHeight });
  }

  resize({ columns, rows }: Size): void {
    if (columns !== this.terminal.cols || rows !== this.terminal.rows) this.terminal.resize(columns, rows);
  }

  get size(): Size {
    return { columns: this.terminal.cols, rows: this.terminal.rows };
  }

  /** How many matches there are and which one is shown (from 1; 0: none of those that are marked). */
  onMatches(told: (matches: { readonly count: number; readonly shown: number }) => void): void {
    this.#search.onDidChangeResults(({ resultCount, resultIndex }) =>
      told({ count: resultCount, shown: resultIndex + 1 }),
    );
  }

  /** "typing" stays at the match that is shown while it still is one. False: there is none. @throws SyntaxError for a pattern that is none */
  find({ text, isCaseSensitive, isPattern }: SearchTerms, to: "typing" | "next" | "previous"): boolean {
    if (text === "") {
      this.#search.clearDecorations();
      this.terminal.clearSelection();
      return false;
    }
    if (isPattern) new RegExp(text);
    const options: ISearchOptions = {
      caseSensitive: isCaseSensitive,
      regex: isPattern,
      incremental: to === "typing",
      decorations: isDark() ? MATCHES.dark : MATCHES.light,
    };
    return to === "previous"
      ? this.#search.findPrevious(text, options)
      : this.#search.findNext(text, options);
  }

  endSearch(): void {
    this.#search.clearDecorations();
  }

  [Symbol.dispose](): void {
    this.#isSeen = false;
    this.#forgetTheme();
    this.#leaveWebgl();
    this.terminal.dispose();
  }

  async #enterWebgl(): Promise<void> {
    try {
      const { WebglAddon } = await import("@xterm/addon-webgl");
      if (!this.#isSeen || this.#webgl !== undefined) return;
      const webgl = new WebglAddon();
      this.terminal.loadAddon(webgl);
      this.#webgl = webgl;
      webgl.onContextLoss(() => {
        this.#withoutWebgl = true;
        this.#leaveWebgl();
      });
    } catch {
      this.#withoutWebgl = true;
    }
  }

  #leaveWebgl(): void {
    this.#webgl?.dispose();
    this.#webgl = undefined;
  }
}

let fastWebgl: boolean | undefined;
/** What browsers call a graphics processor that is none. */
const BY_PROCESSOR = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/** Whether there is WebGL that a graphics processor does: where this one computes it, elements are faster. */
function hasFastWebgl(): boolean {
  if (fastWebgl !== undefined) return fastWebgl;
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("webgl2", { failIfMajorPerformanceCaveat: true });
  const about = context?.getExtension("WEBGL_debug_renderer_info");
  const renderer: unknown = about && context?.getParameter(about.UNMASKED_RENDERER_WEBGL);
  fastWebgl = context !== null && !BY_PROCESSOR.test(String(renderer));
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return fastWebgl;
}

const SCREEN_READER_KEY = "berth.terminal.screen-reader";

/** Whether terminals tell screen readers what they show, which costs much while a lot is printed. */
export const screenReaderMode = {
  get: (): boolean => kept(SCREEN_READER_KEY) === "on",
  set: (on: boolean): void => keep(SCREEN_READER_KEY, on ? "on" : null),
};

/**
 * The emulator gives its spans colours by their attribute "style", which the page's rules forbid to scripts as they do to
 * documents. The same as a property is allowed.
 */
function setStylesAsProperties(): void {
  const setAttribute = Element.prototype.setAttribute;
  HTMLSpanElement.prototype.setAttribute = function (name, value) {
    if (name === "style") this.style.cssText = value;
    else setAttribute.call(this, name, value);
  };
}

setStylesAsProperties();
