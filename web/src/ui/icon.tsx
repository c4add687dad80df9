/** Outlines on a grid of 16; drawn in the colour of the text. */
const PATHS = {
  plus: "M8 3v10M3 8h10",
  close: "M4 4l8 8M12 4l-8 8",
  check: "M3 8.500l3.500 3.500L13 4.500",
  chevronRight: "M6 3.500L10.500 8 6 12.500",
  chevronDown: "M3.500 6L8 10.500 12.500 6",
  chevronUp: "M3.500 10L8 5.500 12.500 10",
  more: "M3 7.500a.5.5 0 1 1 0 1 .5.5 0 0 1 0-1zM8 7.500a.5.5 0 1 1 0 1 .5.5 0 0 1 0-1zM13 7.500a.5.5 0 1 1 0 1 .5.5 0 0 1 0-1z",
  search: "M7 2.500a4.500 4.500 0 1 1 0 9 4.500 4.500 0 0 1 0-9zM10.300 10.300L13.500 13.500",
  refresh: "M13 8a5 5 0 1 1-1.500-3.550M13 2.500v3h-3",
  external: "M6 3.500H3.500v9h9V10M9 3.500h3.500V7M12.300 3.700L7.500 8.500",
  download: "M8 2.500v7.500M4.500 7L8 10.500 11.500 7M3 13.500h10",
  upload: "M8 10.500V3M4.500 6L8 2.500 11.500 6M3 13.500h10",
  trash: "M2.500 4.500h11M6 4.500V2.800h4v1.700M4 4.500l.6 9h6.800l.6-9",
  copy: "M5.500 5.500h8v8h-8zM10.500 5.500v-3h-8v8h3",
  edit: "M3 13l.6-2.800L10.800 3l2.200 2.200-7.200 7.200z",
  fork: "M4.500 5.500v1.300L8 9l3.500-2.200V5.500M8 9v2.500M4.500 2.500a1.500 1.500 0 1 1 0 3 1.500 1.500 0 0 1 0-3zM11.500 2.500a1.500 1.500 0 1 1 0 3 1.500 1.500 0 0 1 0-3zM8 11a1.300 1.300 0 1 1 0 2.600A1.300 1.300 0 0 1 8 11z",
  branch:
    "M4.500 5.500v5M4.500 8c4 0 7-.5 7-2.500M4.500 2.500a1.500 1.500 0 1 1 0 3 1.500 1.500 0 0 1 0-3zM11.500 2.500a1.500 1.500 0 1 1 0 3 1.500 1.500 0 0 1 0-3zM4.500 10.500a1.500 1.500 0 1 1 0 3 1.500 1.500 0 0 1 0-3z",
  play: "M5 3l8 5-8 5z",
  stop: "M4 4h8v8H4z",
  terminal: "M2 3h12v10H2zM4.500 6l2.200 2-2.200 2M8.500 10.500h3",
  process: "M2.500 8h2.500l1.500-4.500 3 9L11 8h2.500",
  file: "M4 2h5l3 3v9H4zM9 2v3h3",
  folder: "M2 4h4l1.500 1.500H14V13H2z",
  changes: "M8 2.500v6M5 5.500h6M5 12.500h6",
  port: "M5 2.500v3M11 2.500v3M3.500 5.500h9v2.500a4.500 4.500 0 0 1-9 0zM8 12.500v1.500",
  events: "M3 4h.01M6 4h7M3 8h.01M6 8h7M3 12h.01M6 12h7",
  settings: "M2.500 4.500h6M11.500 4.500h2M2.500 11.500h2M7.500 11.500h6M10 3v3M6 10v3",
  key: "M5 5.200a2.800 2.800 0 1 1 0 5.600 2.800 2.800 0 0 1 0-5.600zM7.800 8H14.500M12 8v2.500",
  sun: "M8 5.200a2.800 2.800 0 1 1 0 5.600 2.800 2.800 0 0 1 0-5.600zM8 1.500v1.200M8 13.300v1.200M1.500 8h1.200M13.300 8h1.200M3.400 3.400l.9.9M11.700 11.700l.9.9M12.600 3.400l-.9.9M4.300 11.700l-.9.9",
  moon: "M13 9.500A5.500 5.500 0 0 1 6.500 3a5.300 5.300 0 1 0 6.500 6.500z",
  signOut: "M6.500 3h-4v10h4M7 8h6.500M11 5.500L13.500 8 11 10.500",
  shield: "M8 2l5 1.800V8c0 3-2.200 5-5 6-2.800-1-5-3-5-6V3.800zM5.800 8l1.600 1.600 3-3.200",
  warning: "M8 2.500l6 11H2zM8 6.500v3M8 11.500v.01",
  info: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2zM8 7.500v3.500M8 5v.01",
  menu: "M2.500 4h11M2.500 8h11M2.500 12h11",
  splitRight: "M2 3h12v10H2zM8 3v10",
  splitDown: "M2 3h12v10H2zM2 8h12",
  bell: "M4 11.500V7.500a4 4 0 0 1 8 0v4M2.500 11.500h11M7 13.500h2M8 2v1.500",
  keyboard: "M1.500 4h13v8h-13zM4 6.500h.01M6.500 6.500h.01M9 6.500h.01M11.500 6.500h.01M5 9.500h6",
  local: "M2.500 3h11v7.500h-11zM1.500 13h13",
  worktree:
    "M8 13.500V7M8 9.500L4.500 7M8 8l3.500-2.500M8 2l2.500 3h-5zM4.500 5.500a1 1 0 1 1 0 2 1 1 0 0 1 0-2z",
  docker:
    "M2 7.500h12c0 3.500-2.500 5.500-6 5.500-3.300 0-5.500-2-6-5.500zM4 5.500h2v2H4zM7 5.500h2v2H7zM7 3h2v2H7zM10 5.500h2v2h-2z",
  ssh: "M2.500 3h11v4h-11zM2.500 9h11v4h-11zM5 5h.01M5 11h.01",
  remote: "M4.500 11.500a2.800 2.800 0 0 1 .3-5.500 3.500 3.500 0 0 1 6.700.8 2.400 2.400 0 0 1 0 4.700z",
} as const;

export type IconName = keyof typeof PATHS;

/** Decoration: what it means is said in words beside it, or by the label of its button. */
export function Icon({ name, size = 16 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg
      aria-hidden="true"
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth={1.4}
      strokeLinecap="round"
      strokeLinejoin="round"
      style={{ flex: "none" }}
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
