import {
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import type { Command } from "commander";
import { berthError, fileError } from "../../contract/errors.ts";
import { headFromJson, headToJson, parsePublicKey, type SignedHead } from "../../events/signature.ts";
import type { Verification } from "../../events/verify.ts";
import { positiveNumber, wholeNumber } from "../arguments.ts";
import { usageError } from "../errors.ts";
import { eventsHere, eventsOfRunner, logHere, type ShownVerification } from "../event-source.ts";
import { printJson, writeAll } from "../print.ts";
import { Progress } from "../progress.ts";
import { jsonFromRunner } from "../runner/calls.ts";
import { addRunnerOptions, type RunnerFlags, runnerTarget } from "../runner/target.ts";

interface VerifyFlags extends RunnerFlags {
  readonly publicKey?: string;
  readonly head?: string;
  readonly json?: boolean;
}

export function addVerifyCommand(events: Command): void {
  addRunnerOptions(
    events
      .command("verify")
      .description("compute the chain anew, and name the first record that is not as it was written"),
    "words",
  )
    .argument("[file]", "an export; default: the log itself")
    .option("--public-key <key>", "whose signed heads count: a file as events.pub, or the key in base64")
    .option("--head <file>", "a signed head that was kept elsewhere (berth events sign)")
    .option("--json", "as JSON")
    .action(async (file: string | undefined, flags: VerifyFlags, command: Command) => {
      const merged: VerifyFlags = { ...command.parent?.opts<VerifyFlags>(), ...flags };
      const found = await verify(file, merged);
      if (merged.json) printJson(found);
      else await writeAll(process.stdout, sentence(found));
      process.exitCode = found.ok ? 0 : 1;
    });
}

/** Runners of earlier versions do not say with which signed head the chain agrees. */
type Found = Omit<ShownVerification, "signed"> & Partial<Pick<ShownVerification, "signed">>;

async function verify(file: string | undefined, flags: VerifyFlags): Promise<Found> {
  const options = {
    publicKey: flags.publicKey === undefined ? undefined : publicKeyOf(flags.publicKey),
    head: flags.head === undefined ? undefined : headOf(flags.head),
  };
  using progress = new Progress({ quiet: flags.json === true || !process.stderr.isTTY });
  const count = (records: number) => records.toLocaleString("en");
  if (file !== undefined) {
    const { verifyExport } = await import("../../events/verify-export.ts");
    const pieces = createReadStream(file, { highWaterMark: 1024 * 1024 });
    const found = verifyExport(readable(pieces, file), options, (records) =>
      progress.update(`${count(records)} records verified`),
    );
    return shown(await found);
  }
  const target = runnerTarget(flags);
  if (target !== undefined && !target.isLocal) {
    if (flags.head !== undefined || flags.publicKey !== undefined)
      throw usageError(
        "a runner elsewhere compares with its own signed heads",
        "Export its log and verify the file: berth events export --runner URL --out FILE",
      );
    return (await jsonFromRunner(target, "/v1/events/verify", { method: "POST" })) as ShownVerification;
  }
  await using log = await logHere();
  const onProgress = (records: number, total: number) =>
    progress.update(`${count(records)} of ${count(total)} records verified`);
  return shown(await log.verify({ ...options, onProgress }));
}

async function* readable(pieces: AsyncIterable<Uint8Array>, path: string): AsyncIterable<Uint8Array> {
  try {
    yield* pieces;
  } catch (cause) {
    throw fileError(cause, path, "client");
  }
}

function shown({ firstSequence, durationMs, signed, ...found }: Verification): Found {
  return {
    ...found,
    first_sequence: firstSequence,
    duration_ms: Math.round(durationMs),
    signed:
      signed === null
        ? null
        : { ...headToJson(signed), sequence: signed.sequence, hash: signed.hash, signed_at: signed.signedAt },
  };
}

function sentence({ ok, records, head, broken, signed, first_sequence: first }: Found): string {
  const whole = `${records} records verified${first === null ? "" : `, ${first} to ${head.sequence}`}`;
  if (!ok && broken !== null)
    return `BROKEN at record ${broken.sequence} (${broken.damage}): ${broken.reason}\n${whole} before it\n`;
  const end = `end: ${head.sequence} ${head.hash}\n`;
  if (signed === null)
    return `${whole}\n${end}no signed head to compare with: an end that was cut off would not be noticed\n`;
  if (signed === undefined) return `${whole}\n${end}`;
  return `${whole}\n${end}agrees with the head ${signed.sequence} that was signed on ${signed.signed_at}\n`;
}

function publicKeyOf(text: string): string {
  return parsePublicKey(existsSync(text) ? readText(text) : text);
}

function headOf(path: string): SignedHead {
  const text = readText(path);
  try {
    return headFromJson(JSON.parse(text));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw berthError("config.invalid", {
      message: `${path} is no signed head of a log`,
      hint: "`berth events sign` prints one.",
      cause,
    });
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw fileError(cause, path, "client");
  }
}

interface ExportFlags extends RunnerFlags {
  readonly out?: string;
  readonly after?: number;
}

export function addExportCommand(events: Command): void {
  addRunnerOptions(
    events.command("export").description("the stored records as text, to be kept and verified elsewhere"),
    "words",
  )
    .option("--out <file>", "into this file, which is whole or not there")
    .option("--after <number>", "only the records behind this one", wholeNumber)
    .action(async (flags: ExportFlags, command: Command) => {
      const target = runnerTarget({ ...command.parent?.opts<RunnerFlags>(), ...flags });
      await using source =
        target === undefined || target.isLocal ? eventsHere(await logHere()) : eventsOfRunner(target);
      const pieces = source.export(flags.after);
      if (flags.out === undefined) for await (const piece of pieces) await writeAll(process.stdout, piece);
      else await writeWhole(flags.out, pieces);
    });
}

/** Written beside it, and renamed when everything is on the disk. */
async function writeWhole(path: string, pieces: AsyncIterable<string | Uint8Array>): Promise<void> {
  const temporary = `${path}.${process.pid}.part`;
  try {
    const descriptor = openSync(temporary, "wx", 0o600);
    try {
      for await (const piece of pieces) {
        const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
        for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
      }
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw (cause as NodeJS.ErrnoException).syscall === undefined ? cause : fileError(cause, path, "client");
  }
}

export function addSignCommand(events: Command): void {
  events
    .command("sign")
    .description("print the signed head of the log, to be kept where nobody changes it")
    .action(async () => {
      await using log = await logHere();
      await writeAll(process.stdout, `${JSON.stringify(headToJson(await log.sign()))}\n`);
    });
}

export function addPruneCommand(events: Command): void {
  events
    .command("prune")
    .description("remove the oldest records; the rest stays verifiable")
    .requiredOption("--keep-days <days>", "what is older goes", positiveNumber)
    .action(async ({ keepDays }: { keepDays: number }) => {
      await using log = await logHere();
      const count = await log.prune(keepDays);
      await writeAll(process.stdout, `${count} records removed\n`);
    });
}
