import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { crc32, deflateSync } from "node:zlib";

/** A picture of colours that run into each other, as PNG. */
export function picture(size = 96): Buffer {
  const rows: Buffer[] = [];
  for (let y = 0; y < size; y++) {
    const row = Buffer.alloc(1 + size * 3);
    for (let x = 0; x < size; x++) {
      const far = Math.hypot(x - size / 2, y - size / 2) / size;
      row.set([40 + x, 110 + Math.round(90 * far), 255 - y], 1 + x * 3);
    }
    rows.push(row);
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header.set([8, 2], 8);
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const data = deflateSync(Buffer.concat(rows));
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", data),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

const FILES: Readonly<Record<string, string | Buffer>> = {
  "README.md": `# Harbour

Tells which ship lies where.

- \`npm start\` listens on port 3000
- \`npm test\` runs the tests
`,
  "package.json": `{
  "name": "harbour",
  "version": "1.4.0",
  "type": "module",
  "scripts": { "start": "node src/server.js", "test": "node --test" }
}
`,
  "src/server.js": `import { createServer } from "node:http";
import { berths } from "./berths.js";

const PORT = Number(process.env.PORT ?? 3000);

createServer((request, response) => {
  const found = berths.get(request.url?.slice(1) ?? "");
  response.statusCode = found === undefined ? 404 : 200;
  response.end(found ?? "no such ship\\n");
}).listen(PORT);
`,
  "src/berths.js": `export const berths = new Map([
  ["aurora", "pier 4\\n"],
  ["kestrel", "pier 7\\n"],
]);
`,
  "src/tide.py": `from dataclasses import dataclass


@dataclass(frozen=True)
class Tide:
    hour: int
    metres: float

    def is_high(self) -> bool:
        return self.metres > 3.2
`,
  "src/main.go": `package main

import "fmt"

func main() {
	fmt.Println("ahoy")
}
`,
  "docs/übersicht 日本.txt": "Grüße aus dem Hafen: 港 ⚓\n",
  "styles/page.css": ".ship {\n  color: teal;\n}\n",
  "pictures/flag.png": picture(),
  "notes.txt": "one\ntwo\nthree\n",
};

/** A git repository with files of several languages, a picture and a name that is not ASCII. */
export function harbour(path: string): string {
  for (const [name, content] of Object.entries(FILES)) {
    const file = join(path, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  const git = (...args: string[]) => execFileSync("git", args, { cwd: path });
  git("init", "--quiet", "--initial-branch=main");
  // Commands in a worktree have the environment of a login on this machine, whose git may know nobody.
  git("config", "user.name", "Dev");
  git("config", "user.email", "dev@example.com");
  git("add", ".");
  git("commit", "--quiet", "-m", "The harbour as it is");
  return path;
}
