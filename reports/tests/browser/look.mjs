// How the tests open a page, and what must hold on every page that is opened.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const directory = process.env.PAGES;
assert.ok(directory, "PAGES names the directory with the pages: start the tests with ./run");

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** The names of the pages. */
export const names = readdirSync(directory).filter((name) => name.endsWith(".html")).map((name) => name.slice(0, -5));

/** The data that a page was made of. */
export const report = (name) => JSON.parse(readFileSync(join(directory, `${name}.json`), "utf8"));

/** The findings of a report in the order of the page, by cause, with the exploration that shows each first. */
export const findings = (report) => report.causes.flatMap((group) => {
  const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
  const explorations = report.explorations.filter(({ system, bugs, profile }) =>
    same([system, bugs, profile], [group.system, group.bugs, group.profile]));
  return group.findings.map((fingerprint) => {
    const shows = (exploration) => exploration.findings.find((finding) => finding.fingerprint === fingerprint);
    const exploration = explorations.find(shows);
    return { exploration, finding: shows(exploration) };
  });
});

/** Text as the page shows it: on one line, with everything that could steer or hide written out. */
export const shown = (text) => text.split("\n")[0].replace(/[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
  (c) => `\\u{${c.codePointAt(0).toString(16)}}`);

/** Text with every run of white space as one space. */
export const plain = (text) => text.replace(/\s+/g, " ").trim();

let browser;
export const start = async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync",
    ],
  });
};
export const stop = async () => browser.close();

/**
 * Opens a page, does something with it, and demands that nothing was complained of and nothing asked for. `options` are
 * those of a browser context: whether scripts are on, which theme.
 */
export const look = async (name, options, act) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  // A slow machine is no fault of the page.
  context.setDefaultTimeout(120_000);
  const address = pathToFileURL(join(directory, `${name}.html`)).href;
  const complaints = [];
  const requests = [];
  page.on("console", (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("dialog", (dialog) => complaints.push(`dialog: ${dialog.message()}`));
  context.on("request", (request) => requests.push(request.url().split("#")[0]));
  try {
    await page.goto(address);
    await act(page);
    assert.deepEqual(complaints, [], `${name}: the console is not empty`);
    const others = requests.filter((request) => request !== address && request !== "data:,");
    assert.deepEqual(others, [], `${name}: it asks for something`);
  } finally {
    await context.close();
  }
};

/** What axe-core finds wrong with the page, in words. */
export const violations = async (page) => {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return found.violations.map(({ id, help, nodes }) => {
    const where = nodes.slice(0, 3).map(({ html, failureSummary }) => `${html.slice(0, 200)}: ${failureSummary}`);
    return `${id} (${help}), ${nodes.length} times: ${where.join("; ")}`;
  });
};
