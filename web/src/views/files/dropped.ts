/** A file that is to be uploaded, and where it stands below the directory that it goes to. */
export interface DroppedFile {
  readonly path: string;
  readonly file: File;
}

export interface Dropped {
  readonly files: readonly DroppedFile[];
  /** Those that have nothing in them. */
  readonly emptyDirectories: readonly string[];
  /** There was more than is taken at a time. */
  readonly isCut: boolean;
}

/** What of a drop is read: names and handles, not content. */
const MOST_FILES = 20_000;

/** What a browser tells of a thing that was dropped. */
export interface DropEntry {
  readonly isFile: boolean;
  readonly isDirectory: boolean;
  readonly name: string;
}

interface FileEntry extends DropEntry {
  file(take: (file: File) => void, fail: (error: unknown) => void): void;
}

interface DirectoryEntry extends DropEntry {
  createReader(): {
    readEntries(take: (entries: DropEntry[]) => void, fail: (error: unknown) => void): void;
  };
}

/** All files of what was dropped, directories walked through. @throws what the browser says of what it can't read */
export async function droppedFiles(entries: readonly DropEntry[], most = MOST_FILES): Promise<Dropped> {
  const files: DroppedFile[] = [];
  const emptyDirectories: string[] = [];
  const queue = entries.map((entry) => ({ entry, path: entry.name }));
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { entry, path } = next;
    if (files.length >= most) return { files, emptyDirectories, isCut: true };
    if (isFile(entry)) {
      files.push({ path, file: await new Promise<File>((take, fail) => entry.file(take, fail)) });
    } else if (isDirectory(entry)) {
      const inside = await entriesOf(entry);
      if (inside.length === 0) emptyDirectories.push(path);
      queue.push(...inside.map((one) => ({ entry: one, path: `${path}/${one.name}` })));
    }
  }
  return { files, emptyDirectories, isCut: false };
}

/** Browsers give them in portions; an empty one is the end. */
async function entriesOf(directory: DirectoryEntry): Promise<DropEntry[]> {
  const reader = directory.createReader();
  const all: DropEntry[] = [];
  for (;;) {
    const some = await new Promise<DropEntry[]>((take, fail) => reader.readEntries(take, fail));
    if (some.length === 0) return all;
    all.push(...some);
  }
}

const isFile = (entry: DropEntry): entry is FileEntry => entry.isFile;
const isDirectory = (entry: DropEntry): entry is DirectoryEntry => entry.isDirectory;

/** Files of an input: those of a directory have their way in it. */
export function chosenFiles(files: Iterable<File>): DroppedFile[] {
  return Array.from(files, (file) => ({ path: file.webkitRelativePath || file.name, file }));
}
