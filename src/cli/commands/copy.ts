import { stat } from "node:fs/promises";
import { basename, join, posix, resolve } from "node:path";
import type { Command } from "commander";
import { berthError, fileError } from "../../contract/errors.ts";
import type { Runtime } from "../../contract/runtime.ts";
import { usageError } from "../errors.ts";
import { addRuntimeOption, open, type RuntimeOptions } from "../options.ts";
import { formatBytes, visible } from "../print.ts";
import { Progress } from "../progress.ts";

export function addCopyCommand(program: Command): void {
  const command = program
    .command("cp")
    .description("copy files and directories to a place or from it; a path there has a colon in front")
    .argument("<source>", "a local path, or :PATH in the place")
    .argument("<destination>", ":PATH in the place, or a local path");
  addRuntimeOption(command)
    .addHelpText(
      "after",
      "\nAn existing directory as destination takes the source in it, as with cp -r.\nExamples:\n  berth cp -r docker://web ./src :/app/src\n  berth cp -r docker://web :/var/log/app.log .",
    )
    .action(async (source: string, destination: string, flags: RuntimeOptions) => {
      const up = destination.startsWith(":");
      if (up === source.startsWith(":")) {
        throw usageError(
          "one side has to be in the place, the other here",
          "Put a colon before the path in the place: berth cp ./a :/tmp/a",
        );
      }
      if (source === "" || destination === "") {
        throw usageError("a path is empty", "`.` is the current directory, `:.` the workdir of the place.");
      }
      await using runtime = await open(flags, (event) => {
        if (event.type === "transfer.skipped") process.stderr.write(`berth: ${visible(event.message)}\n`);
      });
      using progress = new Progress({ quiet: flags.quiet === true });
      const done = up
        ? await upload(runtime, source, destination.slice(1), progress)
        : await download(runtime, source.slice(1), destination, progress);
      progress.stop();
      if (flags.quiet !== true && process.stderr.isTTY) {
        process.stderr.write(
          `${done.files} ${done.files === 1 ? "file" : "files"}, ${formatBytes(done.bytes)}\n`,
        );
      }
    });
}

async function upload(runtime: Runtime, source: string, destination: string, progress: Progress) {
  const target = destination === "" ? "." : destination;
  const existing = await runtime.fs.stat(target).catch(() => undefined);
  if (existing === undefined && target.endsWith("/"))
    throw berthError("ENOENT", { context: { path: target } });
  const into = existing?.type === "directory" ? posix.join(target, basename(resolve(source))) : target;
  return runtime.fs.upload(resolve(source), into, {
    onProgress: (step) => progress.transfer("uploading", step),
  });
}

async function download(runtime: Runtime, source: string, destination: string, progress: Progress) {
  if (source === "") throw usageError("the path in the place is missing", "For example :/app/src");
  const target = resolve(destination);
  const existing = await stat(target).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT" && !destination.endsWith("/")) return undefined;
    throw fileError(cause, destination, "client");
  });
  const into = existing?.isDirectory() ? join(target, posix.basename(await nameOf(runtime, source))) : target;
  return runtime.fs.download(source, into, { onProgress: (step) => progress.transfer("downloading", step) });
}

/** "." and ".." have a name only where they are. */
async function nameOf(runtime: Runtime, path: string): Promise<string> {
  return /(^|\/)\.{0,2}\/?$/.test(path) ? runtime.fs.realpath(path) : path.replace(/\/+$/, "");
}
