import { entry } from "./error-entry.ts";

/** Errors of text changes, of searching, and of the tools for agents. */
export const TOOL_ERRORS = {
  "edit.not_found": entry(
    404,
    "the text to replace is not in {path}",
    "Read the file again: the text has to be the same to the letter.",
  ),
  "edit.ambiguous": entry(
    409,
    "the text to replace is in {path} several times",
    "Give more of the lines around it, or ask for all of them.",
  ),
  "edit.invalid": entry(
    400,
    "the change of {path} can't be made",
    "See docs/tools.md for the forms of changes.",
  ),
  "edit.binary": entry(415, "{path} is not a text file", "Use a command to change it."),
  "edit.outcome_unknown": entry(
    502,
    "the connection was lost, and it is not known whether the change was made",
    "Read the files again before anything is changed once more.",
  ),
  "patch.invalid": entry(
    400,
    "line {line} of the patch is not understood",
    "See docs/tools.md for the two forms of patches.",
  ),
  "search.pattern_invalid": entry(
    400,
    "the pattern is not a regular expression",
    "Escape what is meant literally, or search for plain text.",
  ),
  "tool.unknown": entry(404, "there is no tool {name}", "Use one of the tools that are offered."),
  "tool.input_invalid": entry(400, "the input does not fit the tool", "Correct the fields that are named."),
  "tool.refused": entry(403, "the call was refused: {reason}", "Do something else, or ask the user."),
  "tool.hook_failed": entry(
    500,
    "a hook around the call failed",
    "It is a defect of the program that uses the tools.",
  ),
  "process.in_background": entry(
    409,
    "the command goes on in the background",
    "Its output and its end are read by its id.",
  ),
} as const;
