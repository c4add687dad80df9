import { type LanguageSupport, StreamLanguage, type StreamParser } from "@codemirror/language";
import type { Extension } from "@codemirror/state";

type Load = () => Promise<LanguageSupport | Extension>;

/** Languages that are simple enough for a parser by line. */
function simple(load: () => Promise<StreamParser<unknown>>): Load {
  return async () => StreamLanguage.define(await load());
}

const javascript =
  (options: { readonly jsx?: boolean; readonly typescript?: boolean }): Load =>
  async () =>
    (await import("@codemirror/lang-javascript")).javascript(options);
const json: Load = async () => (await import("@codemirror/lang-json")).json();
const css: Load = async () => (await import("@codemirror/lang-css")).css();
const html: Load = async () => (await import("@codemirror/lang-html")).html();
const markdown: Load = async () => (await import("@codemirror/lang-markdown")).markdown();
const python: Load = async () => (await import("@codemirror/lang-python")).python();
const rust: Load = async () => (await import("@codemirror/lang-rust")).rust();
const go: Load = async () => (await import("@codemirror/lang-go")).go();
const cpp: Load = async () => (await import("@codemirror/lang-cpp")).cpp();
const java: Load = async () => (await import("@codemirror/lang-java")).java();
const yaml: Load = async () => (await import("@codemirror/lang-yaml")).yaml();
const sql: Load = async () => (await import("@codemirror/lang-sql")).sql();
const xml: Load = async () => (await import("@codemirror/lang-xml")).xml();
const shell = simple(async () => (await import("@codemirror/legacy-modes/mode/shell")).shell);
const docker = simple(async () => (await import("@codemirror/legacy-modes/mode/dockerfile")).dockerFile);
const toml = simple(async () => (await import("@codemirror/legacy-modes/mode/toml")).toml);
const ruby = simple(async () => (await import("@codemirror/legacy-modes/mode/ruby")).ruby);
const diff = simple(async () => (await import("@codemirror/legacy-modes/mode/diff")).diff);
const properties = simple(async () => (await import("@codemirror/legacy-modes/mode/properties")).properties);

const BY_ENDING: readonly (readonly [string, Load])[] = [
  ["js mjs cjs", javascript({})],
  ["jsx", javascript({ jsx: true })],
  ["ts mts cts", javascript({ typescript: true })],
  ["tsx", javascript({ jsx: true, typescript: true })],
  ["json jsonc json5 map webmanifest ipynb", json],
  ["css scss less", css],
  ["html htm vue svelte", html],
  ["md markdown mdx", markdown],
  ["py pyi", python],
  ["rs", rust],
  ["go", go],
  ["c h cc cpp cxx hh hpp hxx ino", cpp],
  ["java kt kts scala cs", java],
  ["yaml yml", yaml],
  ["sql", sql],
  ["xml svg xsl xsd plist", xml],
  ["sh bash zsh ksh", shell],
  ["dockerfile", docker],
  ["toml", toml],
  ["rb", ruby],
  ["diff patch", diff],
  ["properties ini cfg conf env editorconfig gitconfig", properties],
];

const BY_NAME: Readonly<Record<string, Load>> = {
  dockerfile: docker,
  containerfile: docker,
  gemfile: ruby,
  rakefile: ruby,
  ".bashrc": shell,
  ".bash_profile": shell,
  ".profile": shell,
  ".zshrc": shell,
  ".env": properties,
  ".gitconfig": properties,
  "cargo.lock": toml,
};

const endings = new Map(
  BY_ENDING.flatMap(([names, load]) => names.split(" ").map((name) => [name, load] as const)),
);

/** Colours for what a file of this name has in it; undefined: none are known. */
export function languageOf(path: string): Load | undefined {
  const name = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
  return BY_NAME[name] ?? endings.get(name.slice(name.lastIndexOf(".") + 1));
}
