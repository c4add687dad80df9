import type { SftpAttributes } from "./attributes.ts";

/** Space of a file system. */
export interface SftpSpace {
  readonly readOnly: boolean;
  /** No block or no inode is left for an ordinary user. */
  readonly full: boolean;
  /** Tells file systems apart. */
  readonly device: string;
}

/** Looks that don't fail: undefined where there is nothing, or where it is not to be known. */
export interface SftpLook {
  stat(path: string): Promise<SftpAttributes | undefined>;
  lstat(path: string): Promise<SftpAttributes | undefined>;
  readlink(path: string): Promise<string | undefined>;
  statvfs(path: string): Promise<SftpSpace | undefined>;
}
