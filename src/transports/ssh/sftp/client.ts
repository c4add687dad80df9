import type { Duplex } from "node:stream";
import type { BerthError } from "../../../contract/errors.ts";
import {
  readAttributesOf,
  readHandle,
  readNames,
  readOneName,
  readSpace,
  readStatus,
  type SftpEntry,
} from "./answers.ts";
import { type SftpAttributes, writeAttributes } from "./attributes.ts";
import { type FailedRequest, failure, type SftpOperation, STATUS } from "./failure.ts";
import type { SftpLook, SftpSpace } from "./look.ts";
import { MalformedPacket, PACKET, PacketWriter } from "./packet.ts";
import { type SftpAnswer, type SftpOptions, SftpSession } from "./session.ts";

/** How a file is opened; as in the protocol, `create` alone opens what is there. */
export interface SftpOpenFlags {
  readonly read?: boolean;
  readonly write?: boolean;
  readonly append?: boolean;
  readonly create?: boolean;
  readonly truncate?: boolean;
  /** With `create`: EEXIST when something is there, a link to nothing included. */
  readonly exclusive?: boolean;
}

const OPEN_FLAGS = { read: 0x1, write: 0x2, append: 0x4, create: 0x8, truncate: 0x10, exclusive: 0x20 };

/** An open file or directory of the server. */
export interface SftpHandle {
  readonly id: Buffer;
  readonly path: string;
}

export interface SftpCallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** More names are no directory but a server that goes on for ever. */
const MAX_ENTRIES = 2_000_000;

const EXTENSIONS = {
  posixRename: "posix-rename@openssh.com",
  hardlink: "hardlink@openssh.com",
  fsync: "fsync@openssh.com",
  statvfs: "statvfs@openssh.com",
  lsetstat: "lsetstat@openssh.com",
  expandPath: "expand-path@openssh.com",
} as const;

/**
 * Files by SFTP version 3, over any byte stream to a server: that of ssh2 works only over ssh2's own channels. Names
 * are bytes (files/names.ts). Every method throws the errno of what went wrong as code, with the path, found out by a
 * look where the server says no more than "Failure"; and transport.disconnected, ssh.sftp_invalid,
 * operation.aborted.
 */
export class SftpClient {
  readonly session: SftpSession;
  readonly #look: SftpLook;

  /** @throws ssh.sftp_missing, ssh.sftp_invalid, operation.aborted */
  static async open(stream: Duplex, options: SftpOptions): Promise<SftpClient> {
    return new SftpClient(await SftpSession.open(stream, options));
  }

  private constructor(session: SftpSession) {
    this.session = session;
    this.#look = {
      stat: (path) => this.#attempt(PACKET.stat, path, readAttributesOf),
      lstat: (path) => this.#attempt(PACKET.lstat, path, readAttributesOf),
      readlink: (path) => this.#attempt(PACKET.readlink, path, readOneName),
      statvfs: (path) => this.#space(path),
    };
  }

  close(): void {
    this.session.close();
  }

  // --- open files ---

  async open(
    path: string,
    flags: SftpOpenFlags,
    attributes: SftpAttributes = {},
    options: SftpCallOptions = {},
  ): Promise<SftpHandle> {
    let bits = 0;
    for (const name of Object.keys(OPEN_FLAGS) as (keyof SftpOpenFlags)[]) {
      if (flags[name] === true) bits |= OPEN_FLAGS[name];
    }
    const fields = new PacketWriter().text(path).uint32(bits).append(writeAttributes(attributes));
    return this.#openHandle(PACKET.open, flags.exclusive ? "create" : "open", path, fields, options);
  }

  opendir(path: string, options: SftpCallOptions = {}): Promise<SftpHandle> {
    return this.#openHandle(PACKET.opendir, "opendir", path, new PacketWriter().text(path), options);
  }

  /** Gives a handle back; of a file that was written it says whether everything arrived. */
  closeHandle(handle: SftpHandle): Promise<void> {
    return this.#done(PACKET.close, new PacketWriter().bytes(handle.id), "write", handle.path, {});
  }

  /** At most `length` bytes from `offset` on, often less; undefined at the end of the file. */
  async read(
    handle: SftpHandle,
    offset: number,
    length: number,
    options: SftpCallOptions = {},
  ): Promise<Buffer | undefined> {
    const fields = new PacketWriter().bytes(handle.id).uint64(offset).uint32(length);
    const answer = await this.session.request(PACKET.read, fields, options);
    const data = this.session.decode(() => {
      if (answer.type !== PACKET.data) return undefined;
      const bytes = answer.body.bytes();
      if (bytes.length === 0 || bytes.length > length) {
        throw new MalformedPacket(`${bytes.length} bytes where ${length} were asked for`);
      }
      return bytes;
    });
    if (data !== undefined) return data;
    await this.#settle(answer, { operation: "read", path: handle.path }, STATUS.eof);
    return undefined;
  }

  /** Settles when the server has written them. The bytes must not change until then. */
  write(handle: SftpHandle, offset: number, bytes: Uint8Array, options: SftpCallOptions = {}): Promise<void> {
    const fields = new PacketWriter().bytes(handle.id).uint64(offset).bytes(bytes);
    return this.#done(PACKET.write, fields, "write", handle.path, options);
  }

  async fstat(handle: SftpHandle, options: SftpCallOptions = {}): Promise<SftpAttributes> {
    const fields = new PacketWriter().bytes(handle.id);
    return this.#value(PACKET.fstat, fields, readAttributesOf, "stat", handle.path, options);
  }

  fsetstat(handle: SftpHandle, attributes: SftpAttributes, options: SftpCallOptions = {}): Promise<void> {
    const fields = new PacketWriter().bytes(handle.id).append(writeAttributes(attributes));
    return this.#done(PACKET.fsetstat, fields, "setstat", handle.path, options);
  }

  /** To the disk. @throws ENOTSUP where the server lacks fsync@openssh.com */
  fsync(handle: SftpHandle, options: SftpCallOptions = {}): Promise<void> {
    const fields = new PacketWriter().bytes(handle.id);
    return this.#extended(EXTENSIONS.fsync, fields, "write", handle.path, options);
  }

  // --- paths ---

  stat(path: string, options: SftpCallOptions = {}): Promise<SftpAttributes> {
    const fields = new PacketWriter().text(path);
    return this.#value(PACKET.stat, fields, readAttributesOf, "stat", path, options);
  }

  lstat(path: string, options: SftpCallOptions = {}): Promise<SftpAttributes> {
    const fields = new PacketWriter().text(path);
    return this.#value(PACKET.lstat, fields, readAttributesOf, "stat", path, options);
  }

  setstat(path: string, attributes: SftpAttributes, options: SftpCallOptions = {}): Promise<void> {
    const fields = new PacketWriter().text(path).append(writeAttributes(attributes));
    return this.#done(PACKET.setstat, fields, "setstat", path, options);
  }

  /** Of a link itself. @throws ENOTSUP where the server lacks lsetstat@openssh.com */
  lsetstat(path: string, attributes: SftpAttributes, options: SftpCallOptions = {}): Promise<void> {
    const fields = new PacketWriter().text(path).append(writeAttributes(attributes));
    return this.#extended(EXTENSIONS.lsetstat, fields, "setstat", path, options);
  }

  /** Every entry but "." and "..". */
  async readdir(path: string, options: SftpCallOptions = {}): Promise<SftpEntry[]> {
    const handle = await this.opendir(path, options);
    try {
      const entries: SftpEntry[] = [];
      for (;;) {
        const fields = new PacketWriter().bytes(handle.id);
        const answer = await this.session.request(PACKET.readdir, fields, options);
        if (answer.type === PACKET.name) {
          for (const entry of this.session.decode(() => readNames(answer))) {
            if (entry.name !== "." && entry.name !== "..") entries.push(entry);
          }
          if (entries.length > MAX_ENTRIES) throw this.#broken("a listing without end");
        } else {
          await this.#settle(answer, { operation: "opendir", path }, STATUS.eof);
          return entries;
        }
      }
    } finally {
      this.#release(handle.id);
    }
  }

  mkdir(path: string, attributes: SftpAttributes = {}, options: SftpCallOptions = {}): Promise<void> {
    const fields = new PacketWriter().text(path).append(writeAttributes(attributes));
    return this.#done(PACKET.mkdir, fields, "mkdir", path, options);
  }

  rmdir(path: string, options: SftpCallOptions = {}): Promise<void> {
    return this.#done(PACKET.rmdir, new PacketWriter().text(path), "rmdir", path, options);
  }

  remove(path: string, options: SftpCallOptions = {}): Promise<void> {
    return this.#done(PACKET.remove, new PacketWriter().text(path), "remove", path, options);
  }

  /** The protocol's own: EEXIST, or nothing certain, where something is there already. */
  rename(from: string, to: string, options: SftpCallOptions = {}): Promise<void> {
    const fields = new PacketWriter().text(from).text(to);
    return this.#renamed(this.session.request(PACKET.rename, fields, options), from, to);
  }

  /** rename(2): replaces what is there. @throws ENOTSUP where the server lacks posix-rename@openssh.com */
  posixRename(from: string, to: string, options: SftpCallOptions = {}): Promise<void> {
    const fields = new PacketWriter().text(from).text(to);
    return this.#renamed(this.session.extended(EXTENSIONS.posixRename, fields, options), from, to);
  }

  /** A further name of a file. @throws ENOTSUP where the server lacks hardlink@openssh.com */
  hardlink(from: string, to: string, options: SftpCallOptions = {}): Promise<void> {
    const fields = new PacketWriter().text(from).text(to);
    return this.#renamed(this.session.extended(EXTENSIONS.hardlink, fields, options), from, to);
  }

  readlink(path: string, options: SftpCallOptions = {}): Promise<string> {
    const fields = new PacketWriter().text(path);
    return this.#value(PACKET.readlink, fields, readOneName, "readlink", path, options);
  }

  /** In the order of OpenSSH's server (target first), which the draft has the other way round and others follow. */
  symlink(target: string, path: string, options: SftpCallOptions = {}): Promise<void> {
    const fields = new PacketWriter().text(target).text(path);
    return this.#done(PACKET.symlink, fields, "symlink", path, options);
  }

  /** The canonical path. OpenSSH's server resolves also a last name that isn't there. */
  realpath(path: string, options: SftpCallOptions = {}): Promise<string> {
    const fields = new PacketWriter().text(path);
    return this.#value(PACKET.realpath, fields, readOneName, "realpath", path, options);
  }

  /** `~/a` and `~user/a`. @throws ENOTSUP where the server lacks expand-path@openssh.com */
  async expandPath(path: string, options: SftpCallOptions = {}): Promise<string> {
    const answer = await this.session.extended(EXTENSIONS.expandPath, new PacketWriter().text(path), options);
    return this.#read(answer, readOneName, "realpath", path);
  }

  async statvfs(path: string, options: SftpCallOptions = {}): Promise<SftpSpace> {
    const answer = await this.session.extended(EXTENSIONS.statvfs, new PacketWriter().text(path), options);
    return this.#read(answer, readSpace, "statvfs", path);
  }

  // --- requests ---

  async #openHandle(
    type: number,
    operation: SftpOperation,
    path: string,
    fields: PacketWriter,
    options: SftpCallOptions,
  ): Promise<SftpHandle> {
    const answer = await this.session.request(type, fields, {
      signal: options.signal,
      onLate: (late) => {
        const id = this.session.decode(() => readHandle(late));
        if (id !== undefined) this.#release(id);
      },
    });
    return { id: await this.#read(answer, readHandle, operation, path), path };
  }

  /** Nobody waits for it. */
  #release(id: Buffer): void {
    this.session.request(PACKET.close, new PacketWriter().bytes(id)).catch(() => undefined);
  }

  async #value<T>(
    type: number,
    fields: PacketWriter,
    read: (answer: SftpAnswer) => T | undefined,
    operation: SftpOperation,
    path: string,
    options: SftpCallOptions,
  ): Promise<T> {
    return this.#read(await this.session.request(type, fields, options), read, operation, path);
  }

  async #read<T>(
    answer: SftpAnswer,
    read: (answer: SftpAnswer) => T | undefined,
    operation: SftpOperation,
    path: string,
  ): Promise<T> {
    const value = this.session.decode(() => read(answer));
    if (value !== undefined) return value;
    await this.#settle(answer, { operation, path }, undefined);
    throw this.#unexpected(answer);
  }

  async #done(
    type: number,
    fields: PacketWriter,
    operation: SftpOperation,
    path: string,
    options: SftpCallOptions,
  ): Promise<void> {
    await this.#settle(await this.session.request(type, fields, options), { operation, path }, STATUS.ok);
  }

  async #extended(
    name: string,
    fields: PacketWriter,
    operation: SftpOperation,
    path: string,
    options: SftpCallOptions,
  ): Promise<void> {
    const answer = await this.session.extended(name, fields, options);
    await this.#settle(answer, { operation, path }, STATUS.ok);
  }

  async #renamed(answer: Promise<SftpAnswer>, path: string, to: string): Promise<void> {
    await this.#settle(await answer, { operation: "rename", path, to }, STATUS.ok);
  }

  /** Returns when the answer is the status `wanted`, else throws what it says. */
  async #settle(
    answer: SftpAnswer,
    request: Omit<FailedRequest, "status" | "said">,
    wanted: number | undefined,
  ): Promise<void> {
    const { status, said } = this.session.decode(() => readStatus(answer));
    if (status === wanted) return;
    if (status === STATUS.ok || status === STATUS.eof) throw this.#unexpected(answer);
    throw await failure(this.#look, { ...request, status, said });
  }

  #unexpected(answer: SftpAnswer): BerthError {
    return this.#broken(`an answer of type ${answer.type} that fits no such request`);
  }

  #broken(what: string): BerthError {
    return this.session.decode(() => {
      throw new MalformedPacket(what);
    });
  }

  /** undefined for whatever refusal. */
  async #attempt<T>(
    type: number,
    path: string,
    read: (answer: SftpAnswer) => T | undefined,
  ): Promise<T | undefined> {
    const answer = await this.session.request(type, new PacketWriter().text(path));
    return this.session.decode(() => read(answer));
  }

  async #space(path: string): Promise<SftpSpace | undefined> {
    if (!this.session.has(EXTENSIONS.statvfs)) return undefined;
    const answer = await this.session.extended(EXTENSIONS.statvfs, new PacketWriter().text(path));
    return this.session.decode(() => readSpace(answer));
  }
}
