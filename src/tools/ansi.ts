/** Control sequences: CSI, the strings (OSC, DCS, APC, PM, SOS) up to their end, and what has two or three characters. */
const SEQUENCE =
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*(?:[@-~]|$)|\x1b[\]PX^_][^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]+[0-~]|\x1b[0-Z\\`-~]|\x1b$/g;
/** To the first column: the same as a carriage return. */
const TO_FIRST_COLUMN = /(?:\x1b\[|\x9b)[01]?G/g;
/** All but tab and line feed; the escape character, carriage return and backspace are gone by then, or meant to stay. */
const CONTROLS = /[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]/g;

/**
 * Output as a person would see it: no colours and other sequences (unless `keep`), of a line that was drawn over and over its
 * last state, and what else can't be seen as a picture (␀ for NUL).
 */
export function cleanText(text: string, ansi: "strip" | "keep"): string {
  let clean = text;
  if (clean.includes("\x1b") || clean.includes("\x9b")) {
    clean = clean.replace(TO_FIRST_COLUMN, "\r");
    if (ansi === "strip") clean = clean.replace(SEQUENCE, "").replaceAll("\x1b", "␛");
  }
  if (/[\r\b]/.test(clean)) clean = clean.split("\n").map(lastState).join("\n");
  return clean.replace(CONTROLS, picture);
}

/** What a line shows in the end: carriage returns go back to its start, backspaces over its last character. */
function lastState(line: string): string {
  if (!/[\r\b]/.test(line)) return line;
  const states = line.split("\r");
  const last = states.findLast((state) => state.replace(SEQUENCE, "").trim() !== "") ?? "";
  if (!last.includes("\b")) return last;
  const shown: string[] = [];
  for (const character of last) {
    if (character === "\b") shown.pop();
    else shown.push(character);
  }
  return shown.join("");
}

function picture(control: string): string {
  // A bell is heard and not seen.
  if (control === "\x07") return "";
  return control === "\x7f" ? "␡" : String.fromCharCode(0x2400 + control.charCodeAt(0));
}
