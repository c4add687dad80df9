import assert from "node:assert/strict";
import { test } from "node:test";
import { DARK, LIGHT } from "./colours.ts";

/** Of WCAG: from 1 to 21. */
function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: string): number {
  const parts = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255);
  const [red = 0, green = 0, blue = 0] = parts.map((part) =>
    part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

test("every colour of the terminal can be read on its background, light and dark, also where it is selected", () => {
  for (const theme of [LIGHT, DARK]) {
    for (const [name, colour] of Object.entries(theme)) {
      if (!/^(?:foreground|black|red|green|yellow|blue|magenta|cyan|white|bright.*)$/.test(name)) continue;
      const ratio = contrast(colour, theme.background);
      assert.ok(ratio >= 4.5, `${name} ${colour} on ${theme.background}: ${ratio.toFixed(2)}`);
    }
    assert.ok(contrast(theme.foreground, theme.selectionBackground) >= 4.5);
  }
});
