import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign as signBytes,
  verify as verifyBytes,
} from "node:crypto";
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { berthError, fileError } from "../contract/errors.ts";
import type { EventHead } from "./event-log.ts";

/** A head of the chain, signed: whoever has it notices when the chain ends before it. */
export interface SignedHead extends EventHead {
  /** ISO time. */
  readonly signedAt: string;
  /** Raw 32 bytes, in base64. */
  readonly publicKey: string;
  /** 64 bytes, in base64. */
  readonly signature: string;
}

/** DER of an ed25519 public key before its 32 bytes (RFC 8410). */
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
const PRIVATE_FILE = "events.key";
const PUBLIC_FILE = "events.pub";

/** What is signed: four lines of text. */
function signedText({ sequence, hash, signedAt }: EventHead & { readonly signedAt: string }): string {
  return `berth.events.head.v1\n${sequence}\n${hash}\n${signedAt}\n`;
}

/** The key of a state directory, which signs the heads of its log. */
export class EventKey {
  readonly #key: KeyObject;
  /** Raw 32 bytes, in base64. */
  readonly publicKey: string;

  private constructor(key: KeyObject) {
    this.#key = key;
    this.publicKey = rawPublicKey(createPublicKey(key));
  }

  /**
   * The key, made at its first use: `events.key` (0600) and `events.pub` beside it, PEM both.
   * @throws store.damaged, errors of files
   */
  static open(stateDirectory: string): EventKey {
    const path = join(stateDirectory, PRIVATE_FILE);
    try {
      if (!existsSync(path)) makeKey(path);
      const key = new EventKey(privateKey(path));
      const publicPath = join(stateDirectory, PUBLIC_FILE);
      if (!existsSync(publicPath)) writeFileSync(publicPath, publicPem(key.publicKey), { mode: 0o644 });
      return key;
    } catch (cause) {
      throw fileError(cause, path, "client");
    }
  }

  /** The same, if this state directory has one. */
  static ifThere(stateDirectory: string): EventKey | undefined {
    return existsSync(join(stateDirectory, PRIVATE_FILE)) ? EventKey.open(stateDirectory) : undefined;
  }

  sign(head: EventHead, signedAt = new Date().toISOString()): SignedHead {
    const text = signedText({ ...head, signedAt });
    const signature = signBytes(null, Buffer.from(text), this.#key).toString("base64");
    return { ...head, signedAt, publicKey: this.publicKey, signature };
  }
}

/** Whether a head was signed by the key that it names. */
export function isSignatureValid(head: SignedHead): boolean {
  try {
    const key = createPublicKey(publicPem(head.publicKey));
    return verifyBytes(null, Buffer.from(signedText(head)), key, Buffer.from(head.signature, "base64"));
  } catch {
    // No key at all.
    return false;
  }
}

/**
 * A public key by its PEM, or as 32 bytes in base64.
 * @throws config.invalid
 */
export function parsePublicKey(text: string): string {
  try {
    const trimmed = text.trim();
    return rawPublicKey(createPublicKey(trimmed.startsWith("-----") ? trimmed : publicPem(trimmed)));
  } catch (cause) {
    throw berthError("config.invalid", {
      message: "this is no public key of ed25519",
      hint: "Give the file events.pub of the state directory, or the key in base64.",
      cause,
    });
  }
}

export function publicPem(raw: string): string {
  const der = Buffer.concat([SPKI_PREFIX, Buffer.from(raw, "base64")]).toString("base64");
  return `-----BEGIN PUBLIC KEY-----\n${der}\n-----END PUBLIC KEY-----\n`;
}

function rawPublicKey(key: KeyObject): string {
  if (key.asymmetricKeyType !== "ed25519") throw new Error("not ed25519");
  return key.export({ type: "spki", format: "der" }).subarray(SPKI_PREFIX.length).toString("base64");
}

/** Whole or not at all, and never over one that is there: another program may be making one. */
function makeKey(path: string): void {
  const { privateKey } = generateKeyPairSync("ed25519");
  const temporary = `${path}.${process.pid}.new`;
  writeFileSync(temporary, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  try {
    linkSync(temporary, path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
  } finally {
    rmSync(temporary, { force: true });
  }
}

function privateKey(path: string): KeyObject {
  const pem = readFileSync(path, "utf8");
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw berthError("store.damaged", {
      message: `the key ${path} can't be used`,
      hint: "Remove the file: a new key is made, and heads that were signed before need the old public key.",
      context: { path },
      cause,
    });
  }
}

/** A signed head as it is printed and stands in exports. */
export function headToJson(head: SignedHead): Readonly<Record<string, string | number>> {
  return {
    format: "berth.events.head.v1",
    sequence: head.sequence,
    hash: head.hash,
    signed_at: head.signedAt,
    public_key: head.publicKey,
    signature: head.signature,
  };
}

/** @throws config.invalid */
export function headFromJson(value: unknown): SignedHead {
  const fields = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  const { format, sequence, hash, signed_at: signedAt, public_key: publicKey, signature } = fields;
  if (
    format === "berth.events.head.v1" &&
    Number.isSafeInteger(sequence) &&
    typeof hash === "string" &&
    typeof signedAt === "string" &&
    typeof publicKey === "string" &&
    typeof signature === "string"
  ) {
    return { sequence: sequence as number, hash, signedAt, publicKey, signature };
  }
  throw berthError("config.invalid", {
    message: "this is no signed head of a log",
    hint: "`berth events sign` prints one.",
  });
}
