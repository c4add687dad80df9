import type { Command } from "commander";
import { addRunnerOptions } from "../runner/target.ts";
import { addConfigWord } from "./workspace/config.ts";
import { addCreateWord, addForkWord, addInitWord } from "./workspace/create.ts";
import { addHomeWords } from "./workspace/home.ts";
import { addLifecycleWords } from "./workspace/lifecycle.ts";
import { addListWord, addPathWord, addShowWord, addStatusWord } from "./workspace/list.ts";
import { addShellWord } from "./workspace/shell.ts";

export function addWorkspaceCommand(program: Command): void {
  const workspace = program
    .command("workspace")
    .alias("ws")
    .description("a project's branches in any place, and the work back home")
    .addHelpText(
      "after",
      "\nWORKSPACE is a name in this project, PROJECT/NAME, or an id. Commands run in one by `berth exec -w WORKSPACE -- …`.\nDocumentation: docs/workspaces.md",
    );
  addCreateWord(workspace);
  addListWord(workspace);
  addShowWord(workspace);
  addStatusWord(workspace);
  addInitWord(workspace);
  addForkWord(workspace);
  addLifecycleWords(workspace);
  addHomeWords(workspace);
  addShellWord(workspace);
  addConfigWord(workspace);
  addPathWord(workspace);
  for (const word of workspace.commands) addRunnerOptions(word, word.name() === "shell" ? "place" : "words");
}
