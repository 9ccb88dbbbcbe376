// What a person does with a page.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { findings, look, report, start, stop } from "./look.mjs";

before(start);
after(stop);

const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.className);

/** Presses a key until an element has the focus. */
const reach = async (page, id, key = "Tab") => {
  for (let presses = 0; presses < 20; presses += 1) {
    if ((await focused(page)) === id) return;
    await page.keyboard.press(key);
  }
  assert.fail(`${id} cannot be reached by the keyboard`);
};

const visible = (page) => page.evaluate(() => [...document.querySelectorAll("article.finding")].filter(({ hidden }) => !hidden).length);

test("a thousand findings are opened in a bearable time", async (context) => {
  await look("thousand", {}, async (page) => {
    const timing = await page.evaluate(() => performance.getEntriesByType("navigation")[0].loadEventEnd);
    context.diagnostic(`a page with 1000 findings is loaded after ${Math.round(timing)} ms`);
    assert.equal(await page.locator("article.finding").count(), 1000);
    assert.ok(await page.getByRole("heading", { level: 1 }).isVisible());
  });
});

test("the first key press offers to skip to the content", () => look("no-revoke", {}, async (page) => {
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "skip");
  const box = await page.locator(".skip").boundingBox();
  assert.ok(box.y >= 0, JSON.stringify(box));
  await page.keyboard.press("Enter");
  assert.equal(await focused(page), "main");
}));

test("findings are searched and filtered by the keyboard", () => look("thousand", {}, async (page) => {
  const status = page.locator("#shown[role=status]");
  await reach(page, "search");
  await page.keyboard.type("WORKLOAD-77");
  await page.waitForFunction(() => document.getElementById("shown").textContent.startsWith("11 of"));
  assert.equal(await visible(page), 11);
  await page.keyboard.type("0 revoke");
  await page.waitForFunction(() => document.getElementById("shown").textContent.startsWith("1 of"));
  const all = findings(report("thousand")).map(({ exploration: { system, workload }, finding }) => ({ system, workload, ...finding }));
  const number = all.findIndex(({ workload }) => workload.endsWith("workload-770")) + 1;
  assert.ok(await page.locator(`#finding-${number}-title`).isVisible());
  assert.equal(await page.locator("table.index tbody tr:visible").count(), 1);
  await reach(page, "show-all");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.getElementById("shown").textContent === "1000 findings");

  await reach(page, "by-system", "Shift+Tab");
  await page.keyboard.type("raid5");
  const raid5 = all.filter(({ system }) => system === "raid5").length;
  assert.equal(await status.textContent(), `${raid5} of 1000 findings`);
  await page.locator("#by-promise").selectOption("durable");
  const durable = all.filter(({ system, promise }) => system === "raid5" && promise === "durable").length;
  assert.equal(await visible(page), durable);
  await page.locator("#by-verdict").selectOption("device lies");
  const lies = all.filter((it) => it.system === "raid5" && it.promise === "durable" && it.device_lies).length;
  assert.equal(await visible(page), lies);
}));

test("a link of the list unfolds its finding, with and without scripts", async () => {
  for (const javaScriptEnabled of [true, false]) {
    await look("thousand", { javaScriptEnabled }, async (page) => {
      const finding = page.locator("#finding-500");
      assert.equal(await finding.isVisible(), false);
      await page.locator('table.index a[href="#finding-500"]').click();
      await finding.waitFor({ state: "visible" });
      assert.ok(page.url().endsWith("#finding-500"));
      const { y } = await page.locator("#finding-500-title").boundingBox();
      assert.ok(y > -200 && y < 900, `it is at ${y}`);
    });
  }
});

test("an address with a finding in it opens that finding", () => look("thousand", {}, async (page) => {
  await page.goto(`${page.url()}#finding-700`);
  await page.reload();
  await page.locator("#finding-700").waitFor({ state: "visible" });
  assert.equal(await page.locator("#finding-701").isVisible(), false);
}));

test("the replay line is copied", () => look("no-revoke", { permissions: ["clipboard-read", "clipboard-write"] }, async (page) => {
  const button = page.getByRole("button", { name: "Copy the command of finding 1" });
  await button.focus();
  await page.keyboard.press("Enter");
  await page.locator("#finding-1 .copy", { hasText: /^(Copied|Selected)/ }).waitFor();
  const [exploration] = report("no-revoke").explorations.filter(({ findings }) => findings.length > 0);
  const line = exploration.findings[0].replay;
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(copied, line);
}));

test("a closed part opens by the keyboard, without scripts", () => look("no-revoke", { javaScriptEnabled: false }, async (page) => {
  const summary = page.getByText("The trace of finding 1 as a table");
  const table = page.getByRole("region", { name: "Events of finding 1" });
  assert.equal(await table.isVisible(), false);
  await summary.focus();
  await page.keyboard.press("Enter");
  assert.ok(await table.isVisible());
}));

test("hostile text is shown and does nothing", () => look("everything", {}, async (page) => {
  assert.equal(await page.locator("img, iframe, object, embed").count(), 0);
  assert.equal(await page.locator("script").count(), 1);
  assert.ok((await page.locator("article").first().innerText()).includes("<img src=x onerror=alert(1)>"));
  const attributes = await page.evaluate(() => [...document.querySelectorAll("*")]
    .flatMap((element) => [...element.attributes].map(({ name }) => name))
    .filter((name) => name.startsWith("on")));
  assert.deepEqual(attributes, []);
}));

test("a script or a request that got in would be refused", async () => {
  await look("everything", {}, async (page) => {
    const refused = await page.evaluate(() => new Promise((resolve) => {
      const found = [];
      document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) => {
        found.push(effectiveDirective);
        if (found.length === 2) resolve(found.sort());
      });
      const script = document.createElement("script");
      script.textContent = "globalThis.gotIn = true";
      document.body.append(script);
      const image = document.createElement("img");
      image.src = "x.png";
      document.body.append(image);
    }));
    assert.deepEqual(refused, ["img-src", "script-src-elem"]);
    assert.equal(await page.evaluate(() => globalThis.gotIn), undefined);
  }).catch((error) => {
    // The browser says so in its console, too.
    assert.match(error.message, /the console is not empty/);
    assert.match(error.message, /Content Security Policy/);
  });
});
