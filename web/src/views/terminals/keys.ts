import { isMac } from "../../shell/commands.ts";
import { say } from "../../ui/toasts.tsx";
import type { Emulator } from "./emulator.ts";
import { linesAtOnce, pasteText, type TerminalKey, terminalKey, typesSomething } from "./input.ts";
import type { TerminalSession } from "./session.ts";

export interface KeyActions {
  readonly leave: () => void;
  readonly zoom: (by: number | undefined) => void;
  /** Text of several lines that would be run at once. */
  readonly askToPaste: (text: string, lines: number) => void;
}

/** What is typed into the terminal goes to its program, but for the keys that are the page's. */
export function bindKeys(
  host: HTMLElement,
  emulator: Emulator,
  session: TerminalSession,
  actions: KeyActions,
): void {
  const { terminal } = emulator;
  const run: Readonly<Record<Exclude<TerminalKey, "page" | "paste">, () => void>> = {
    copy: () => void copy(emulator),
    larger: () => actions.zoom(1),
    smaller: () => actions.zoom(-1),
    normal: () => actions.zoom(undefined),
    leave: actions.leave,
  };
  terminal.attachCustomKeyEventHandler((event) => {
    const key = terminalKey(event, isMac);
    if (key !== undefined) {
      // The browser pastes by itself, and the page hears of its own keys.
      if (key === "page" || key === "paste") return false;
      event.preventDefault();
      if (event.type === "keydown") run[key]();
      return false;
    }
    const { refusal } = session;
    if (refusal === undefined || event.isComposing || scrolls(event) || !typesSomething(event)) return true;
    // What only the page's own keys mean stays with the browser.
    if (event.type === "keydown") session.refuse(refusal);
    event.preventDefault();
    return false;
  });
  const onPaste = (event: ClipboardEvent) => {
    event.preventDefault();
    event.stopPropagation();
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (text !== "") paste(text, emulator, session, actions);
  };
  host.addEventListener("paste", onPaste, { capture: true });
  host.addEventListener("compositionend", () => {
    if (session.refusal !== undefined) session.refuse(session.refusal);
  });
}

function paste(text: string, emulator: Emulator, session: TerminalSession, actions: KeyActions): void {
  const { refusal } = session;
  if (refusal !== undefined) {
    session.refuse(refusal);
    return;
  }
  const { terminal } = emulator;
  const lines = linesAtOnce(text, terminal.modes.bracketedPasteMode);
  if (lines > 0) actions.askToPaste(text, lines);
  else terminal.paste(pasteText(text));
}

/** What is selected goes to the clipboard. */
export async function copy({ terminal }: Emulator): Promise<void> {
  const text = terminal.getSelection();
  if (text === "") {
    say("Nothing is selected in the terminal.");
    return;
  }
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without TLS browsers have no such clipboard; the emulator answers the event with what is selected.
    terminal.focus();
    document.execCommand("copy");
  }
}

/** Keys by which the emulator itself scrolls. */
function scrolls({ key, shiftKey }: KeyboardEvent): boolean {
  return shiftKey && /^(?:PageUp|PageDown|Home|End)$/.test(key);
}

/** Whether what the emulator says now is what somebody types or pastes, and no answer to output. */
export function isTypedNow(): boolean {
  const { event } = window;
  return event instanceof KeyboardEvent || event instanceof InputEvent || event instanceof ClipboardEvent;
}
