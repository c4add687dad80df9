import type { ITheme } from "@xterm/xterm";

/** Each of the 16 colours can be read on the background; black and white of the two ends are also grounds of others. */
export const LIGHT = {
  background: "#ffffff",
  foreground: "#161b20",
  cursor: "#0b6382",
  cursorAccent: "#ffffff",
  selectionBackground: "#b9dcea",
  selectionInactiveBackground: "#dde1e5",
  scrollbarSliderBackground: "#868f9866",
  scrollbarSliderHoverBackground: "#868f98aa",
  scrollbarSliderActiveBackground: "#868f98",
  black: "#24292f",
  red: "#b3261e",
  green: "#1a6e3a",
  yellow: "#85550a",
  blue: "#0b57a8",
  magenta: "#8e3a9d",
  cyan: "#00696f",
  white: "#5a6570",
  brightBlack: "#68717b",
  brightRed: "#c92a20",
  brightGreen: "#1f7d43",
  brightYellow: "#946000",
  brightBlue: "#1a68cf",
  brightMagenta: "#a345b4",
  brightCyan: "#0b7580",
  brightWhite: "#6d7780",
} as const satisfies ITheme;

export const DARK = {
  background: "#15191c",
  foreground: "#e8ecef",
  cursor: "#5cc0e0",
  cursorAccent: "#15191c",
  selectionBackground: "#1f5468",
  selectionInactiveBackground: "#2f3940",
  scrollbarSliderBackground: "#6d778066",
  scrollbarSliderHoverBackground: "#6d7780aa",
  scrollbarSliderActiveBackground: "#6d7780",
  black: "#808a93",
  red: "#ff8f85",
  green: "#62c98a",
  yellow: "#e3b158",
  blue: "#74aef5",
  magenta: "#d898e6",
  cyan: "#54c7cf",
  white: "#c5ccd2",
  brightBlack: "#98a2ab",
  brightRed: "#ffaaa2",
  brightGreen: "#86dba8",
  brightYellow: "#f2c87d",
  brightBlue: "#9cc6fa",
  brightMagenta: "#e6b8f0",
  brightCyan: "#83dbe1",
  brightWhite: "#f5f7f8",
} as const satisfies ITheme;

/** How matches of a search are drawn. */
export const MATCHES = {
  light: {
    matchBackground: "#fbe3ad",
    matchOverviewRuler: "#e0a800",
    activeMatchBackground: "#f5b942",
    activeMatchColorOverviewRuler: "#b36b00",
  },
  dark: {
    matchBackground: "#5c4712",
    matchOverviewRuler: "#e3b158",
    activeMatchBackground: "#8a6a10",
    activeMatchColorOverviewRuler: "#ffd480",
  },
} as const;
