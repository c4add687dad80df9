import assert from "node:assert/strict";
import { test } from "node:test";
import {
  boxesOf,
  focusPane,
  type Layout,
  layoutFrom,
  NO_TERMINALS,
  neighbour,
  nextProcess,
  oneBox,
  openTab,
  processesOf,
  removeProcess,
  replaceProcess,
  selectedTab,
  setFontSize,
  setRatio,
  splitPane,
  stepTab,
} from "./layout.ts";

/** a | b over c, and d in a tab of its own. */
function sample(): Layout {
  let layout = openTab(NO_TERMINALS, "a");
  layout = splitPane(layout, "a", "row", "b");
  layout = splitPane(layout, "b", "column", "c");
  return openTab(layout, "d");
}

function rootOf(layout: Layout, index = 0) {
  const tab = layout.tabs[index];
  assert.ok(tab !== undefined);
  return tab.root;
}

test("a process is shown in one pane; who opens it again is led there", () => {
  const layout = sample();
  assert.deepEqual(processesOf(layout), ["a", "b", "c", "d"]);
  assert.equal(layout.selected, "t2");
  const again = openTab(layout, "b");
  assert.deepEqual(processesOf(again), processesOf(layout));
  assert.deepEqual([again.selected, selectedTab(again)?.active], ["t1", "b"]);
  assert.deepEqual(processesOf(splitPane(layout, "a", "row", "d")), processesOf(layout));
});

test("panes fill their tab, and dividers say what they divide", () => {
  const { panes, dividers } = boxesOf(rootOf(setRatio(sample(), "t1", "", 0.25)));
  assert.deepEqual(panes.get("a"), { x: 0, y: 0, width: 0.25, height: 1 });
  assert.deepEqual(panes.get("c"), { x: 0.25, y: 0.5, width: 0.75, height: 0.5 });
  assert.deepEqual(
    dividers.map(({ path, direction, ratio }) => [path, direction, ratio]),
    [
      ["", "row", 0.25],
      ["1", "column", 0.5],
    ],
  );
  const inner = setRatio(sample(), "t1", "1", 0.9999);
  assert.equal(boxesOf(rootOf(inner)).dividers[1]?.ratio, 0.9, "nothing is made too small to be seen");
});

test("the pane beside another one is found on each side", () => {
  const root = rootOf(setRatio(sample(), "t1", "1", 0.3));
  assert.equal(neighbour(root, "a", "right"), "c", "the one that shares more of the edge");
  assert.equal(neighbour(root, "c", "up"), "b");
  assert.equal(neighbour(root, "b", "down"), "c");
  assert.equal(neighbour(root, "c", "left"), "a");
  assert.equal(neighbour(root, "a", "left"), undefined);
});

test("where there is room for one only, the others are reached one after the other", () => {
  const root = rootOf(sample());
  assert.deepEqual(
    [...oneBox("b", root).panes].map(([process, box]) => [process, box?.width]),
    [
      ["a", undefined],
      ["b", 1],
      ["c", undefined],
    ],
  );
  assert.deepEqual(
    ["a", "b", "c"].map((process) => nextProcess(root, process)),
    ["b", "c", "a"],
  );
});

test("what is closed leaves its room to what was beside it, and a tab goes with its last pane", () => {
  const focused = focusPane(sample(), "c");
  const closed = removeProcess(focused, "c");
  assert.deepEqual([...boxesOf(rootOf(closed)).panes.keys()], ["a", "b"]);
  assert.equal(selectedTab(closed)?.active, "b");
  const two = removeProcess(removeProcess(closed, "b"), "a");
  assert.deepEqual([two.tabs.length, two.selected], [1, "t2"]);
  assert.deepEqual(removeProcess(two, "d"), NO_TERMINALS);
  assert.equal(removeProcess(two, "nothing"), two);
  assert.deepEqual(removeProcess(sample(), "d").selected, "t1");
});

test("a process that is started again stands where the old one stood", () => {
  const layout = replaceProcess(focusPane(sample(), "b"), "b", "e");
  assert.deepEqual(processesOf(layout), ["a", "e", "c", "d"]);
  assert.equal(selectedTab(layout)?.active, "e");
});

test("tabs follow each other around the end", () => {
  assert.equal(stepTab(sample(), 1).selected, "t1");
  assert.equal(stepTab(stepTab(sample(), 1), -1).selected, "t2");
  assert.equal(stepTab(NO_TERMINALS, 1).selected, "");
});

test("a layout comes back as it was kept; what makes no sense does not break it", () => {
  const layout = setFontSize(setRatio(sample(), "t1", "1", 0.3), 99);
  assert.deepEqual(layoutFrom(JSON.stringify(layout)), layout);
  assert.equal(layout.fontSize, 32);
  for (const text of [null, "", "[]", "{}", "7", '{"tabs":{}}']) assert.equal(layoutFrom(text), undefined);
  const pane = (process: unknown) => ({ type: "pane", process });
  const broken = {
    tabs: [
      { id: "t1", root: { type: "split", ratio: 7, direction: "up", first: pane("a"), second: pane("a") } },
      { id: "t1", root: pane("b") },
      { id: "x", root: pane("c") },
      { id: "t2", root: pane(1) },
      { id: "t3", root: { type: "split", ratio: 7, first: pane("d"), second: pane("e") }, active: "z" },
    ],
    selected: "t9",
    fontSize: "big",
  };
  const found = layoutFrom(JSON.stringify(broken));
  assert.deepEqual(found && processesOf(found), ["a", "d", "e"]);
  assert.deepEqual([found?.selected, found?.tabs[1]?.active, found?.fontSize], ["t1", "d", 13]);
  let deep: unknown = pane("end");
  for (let depth = 0; depth < 40; depth += 1)
    deep = { type: "split", first: pane(`p${depth}`), second: deep };
  assert.ok(
    processesOf(layoutFrom(JSON.stringify({ tabs: [{ id: "t1", root: deep }] })) ?? sample()).length < 40,
  );
});
