// Builds berth-helper. Runs on Node >= 20, before anything else of the package does.
//
//   node native/build.mjs              for this machine's architecture, into native/build/
//   node native/build.mjs --prebuilt   for x64 and arm64, into native/prebuilt/, with the hash of the sources
//   node native/build.mjs --check      fails unless native/prebuilt/ was made from the present sources
//
// Compilers: musl-gcc (Debian's musl-tools) or a cc that links statically; for arm64 aarch64-linux-gnu-gcc
// (gcc-aarch64-linux-gnu) with musl's arm64 packages unpacked into native/build/sysroot-arm64 (fetched by apt).
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const buildDirectory = join(here, "build");
const prebuiltDirectory = join(here, "prebuilt");
const hashFile = join(prebuiltDirectory, "SOURCE.sha256");
const architectures = ["x64", "arm64"];

// Without build id and absolute paths the same compiler gives the same bytes anywhere.
const flags = [
  "-std=gnu11",
  "-O2",
  "-static",
  "-no-pie",
  "-fno-pie",
  "-s",
  "-Wall",
  "-Wextra",
  "-Werror",
  "-ffile-prefix-map=.=.",
  "-fno-asynchronous-unwind-tables",
  "-fno-ident",
  "-ffunction-sections",
  "-fdata-sections",
  "-Wl,--gc-sections",
  "-Wl,--build-id=none",
];

function sources() {
  return readdirSync(here)
    .filter((name) => name.endsWith(".c"))
    .sort();
}

/** The sources and flags that a program is made from, as one hash. */
function sourceHash() {
  const hash = createHash("sha256");
  for (const name of [...sources(), "helper.h"]) {
    const text = readFileSync(join(here, name));
    hash.update(`${name} ${text.length}\n`).update(text);
  }
  return hash.update(flags.join(" ")).digest("hex");
}

function run(command, args, cwd = here) {
  return spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C", SOURCE_DATE_EPOCH: "0" },
  });
}

/** Compiles into `target` by way of a temporary, so that a running program is never written to. */
function compile(compiler, before, after, target) {
  mkdirSync(dirname(target), { recursive: true });
  const temporary = `${target}.${process.pid}`;
  const result = run(compiler, [...before, ...flags, ...sources(), "-o", temporary, ...after]);
  if (result.error !== undefined || result.status !== 0) {
    rmSync(temporary, { force: true });
    return {
      ok: false,
      missing: result.error?.code === "ENOENT",
      text: result.stderr ?? String(result.error),
    };
  }
  chmodSync(temporary, 0o755);
  renameSync(temporary, target);
  return { ok: true };
}

function program(directory, architecture) {
  return join(directory, `linux-${architecture}`, "berth-helper");
}

/** musl for arm64, from the distribution's own packages; the machine's package lists stay as they are. */
function arm64Sysroot() {
  const root = join(buildDirectory, "sysroot-arm64");
  if (existsSync(join(root, "usr/lib/aarch64-linux-musl/libc.a"))) return root;
  const state = join(buildDirectory, "apt");
  for (const part of ["lists/partial", "cache/archives/partial"])
    mkdirSync(join(state, part), { recursive: true });
  writeFileSync(join(state, "status"), "");
  const options = [
    "-o",
    "APT::Architecture=arm64",
    "-o",
    "APT::Architectures=arm64",
    "-o",
    `Dir::State=${state}`,
    "-o",
    `Dir::State::status=${join(state, "status")}`,
    "-o",
    `Dir::Cache=${join(state, "cache")}`,
    "-o",
    "Acquire::Languages=none",
    "-o",
    "APT::Sandbox::User=root",
  ];
  for (const args of [["update"], ["download", "musl-dev"]]) {
    const result = run("apt-get", [...options, ...args], state);
    if (result.status !== 0)
      throw new Error(`apt-get ${args.join(" ")} failed:\n${result.stderr ?? result.error}`);
  }
  const archive = readdirSync(state).find((name) => name.startsWith("musl-dev_") && name.endsWith(".deb"));
  const unpacked = run("dpkg", ["-x", join(state, archive), root]);
  if (unpacked.status !== 0) throw new Error(`dpkg -x failed: ${unpacked.stderr}`);
  return root;
}

function buildFor(architecture, target) {
  const native = architecture === process.arch;
  if (architecture === "arm64" && !native) {
    const root = arm64Sysroot();
    const library = join(root, "usr/lib/aarch64-linux-musl");
    const libgcc = run("aarch64-linux-gnu-gcc", ["-print-libgcc-file-name"]).stdout?.trim() ?? "";
    const include = run("aarch64-linux-gnu-gcc", ["-print-file-name=include"]).stdout?.trim() ?? "";
    return compile(
      "aarch64-linux-gnu-gcc",
      // libgcc's atomics (outline) ask libc for the processor's features, which musl doesn't tell.
      [
        "-mno-outline-atomics",
        "-nostdinc",
        "-nostdlib",
        "-isystem",
        join(root, "usr/include/aarch64-linux-musl"),
        "-isystem",
        include,
        join(library, "crt1.o"),
        join(library, "crti.o"),
      ],
      [join(library, "libc.a"), libgcc, join(library, "crtn.o")],
      target,
    );
  }
  const musl = compile("musl-gcc", [], [], target);
  return musl.ok || !musl.missing ? musl : compile("cc", [], ["-pthread"], target);
}

function buildPrebuilt() {
  for (const architecture of architectures) {
    const result = buildFor(architecture, program(prebuiltDirectory, architecture));
    if (!result.ok) throw new Error(`building for ${architecture} failed:\n${result.text}`);
    console.log(`built ${program("native/prebuilt", architecture)}`);
  }
  writeFileSync(hashFile, `${sourceHash()}\n`);
}

function checkPrebuilt() {
  const recorded = existsSync(hashFile) ? readFileSync(hashFile, "utf8").trim() : "missing";
  if (recorded !== sourceHash())
    throw new Error("native/prebuilt/ is older than the sources: run `node native/build.mjs --prebuilt`");
}

function buildHere() {
  if (process.platform !== "linux" || !architectures.includes(process.arch)) {
    console.log(
      `berth-helper is for Linux on x64 and arm64; nothing to build on ${process.platform} ${process.arch}`,
    );
    return;
  }
  const target = program(buildDirectory, process.arch);
  const stamp = `${target}.sha256`;
  const hash = sourceHash();
  if (existsSync(target) && existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return;
  const result = buildFor(process.arch, target);
  if (result.ok) {
    writeFileSync(stamp, hash);
    console.log(`built native/build/linux-${process.arch}/berth-helper`);
    return;
  }
  const reason = result.missing ? "no C compiler here" : `the compiler failed:\n${result.text}`;
  console.log(`berth-helper: ${reason}; taking the prebuilt program`);
  checkPrebuilt();
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(program(prebuiltDirectory, process.arch), `${target}.${process.pid}`);
  chmodSync(`${target}.${process.pid}`, 0o755);
  renameSync(`${target}.${process.pid}`, target);
  writeFileSync(stamp, hash);
}

const mode = process.argv[2];
try {
  if (mode === "--prebuilt") buildPrebuilt();
  else if (mode === "--check") checkPrebuilt();
  else if (mode === undefined) buildHere();
  else throw new Error(`unknown option ${mode}`);
} catch (error) {
  console.error(`native/build.mjs: ${error.message}`);
  process.exitCode = 1;
}
