import { isMac, useCommands } from "../../shell/commands.ts";
import type { Side } from "./layout.ts";

export interface TerminalActions {
  readonly start: () => void;
  readonly run: () => void;
  readonly list: () => void;
  readonly search: () => void;
  readonly split: (direction: "row" | "column") => void;
  readonly go: (side: Side) => void;
  readonly step: (by: number) => void;
  readonly zoom: (by: number | undefined) => void;
  readonly leave: () => void;
  readonly close: () => void;
}

const group = "Terminals";
/** Keys that the terminal itself takes up: said, and not listened to. */
const shown = (keys: string) => (isMac ? keys.replace("Ctrl+", "⌘").replace("Shift+", "⇧") : keys);

/** What can be done with terminals, by keys that shells and browsers leave free. */
export function useTerminalCommands(actions: TerminalActions, mayWrite: boolean): void {
  const { start, run, list, search, split, go, step, zoom, leave, close } = actions;
  useCommands([
    ...(mayWrite
      ? [
          { id: "terminal-new", title: "New terminal", keys: "Mod+Shift+ENTER", group, run: start },
          { id: "terminal-run", title: "Run a command in a terminal", group, run },
          {
            id: "terminal-right",
            title: "Split the terminal to the right",
            keys: "|",
            group,
            run: () => split("row"),
          },
          {
            id: "terminal-down",
            title: "Split the terminal downwards",
            keys: "_",
            group,
            run: () => split("column"),
          },
        ]
      : []),
    { id: "terminal-list", title: "Show all terminals", group, run: list },
    { id: "terminal-search", title: "Search in the terminal", keys: "Mod+Shift+F", group, run: search },
    ...(["Left", "Right", "Up", "Down"] as const).map((side) => ({
      id: `terminal-${side}`,
      title: `Go to the terminal ${side === "Up" ? "above" : side === "Down" ? "below" : `on the ${side.toLowerCase()}`}`,
      keys: `Mod+Shift+ARROW${side.toUpperCase()}`,
      group,
      run: () => go(side.toLowerCase() as Side),
    })),
    { id: "terminal-next", title: "Next tab of terminals", keys: "]", group, run: () => step(1) },
    { id: "terminal-previous", title: "Previous tab of terminals", keys: "[", group, run: () => step(-1) },
    { id: "terminal-close", title: "Close the terminal", keys: "x", group, run: close },
    {
      id: "terminal-leave",
      title: "Leave the terminal, to its tools",
      keys: shown("Ctrl+Shift+Space"),
      group,
      run: leave,
    },
    { id: "terminal-larger", title: "Larger text", keys: shown("Ctrl+="), group, run: () => zoom(1) },
    { id: "terminal-smaller", title: "Smaller text", keys: shown("Ctrl+-"), group, run: () => zoom(-1) },
    {
      id: "terminal-normal",
      title: "Normal size of text",
      keys: shown("Ctrl+0"),
      group,
      run: () => zoom(undefined),
    },
  ]);
}
