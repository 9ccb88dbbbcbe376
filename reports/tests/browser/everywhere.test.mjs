// What must hold on every page, with and without scripts, light and dark.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { findings, look, names, plain, report, shown, start, stop, violations } from "./look.mjs";

// Every finding of a small page, and the first and the last of a long one.
const some = (list) => (list.length <= 8 ? list.map((_, index) => index) : [0, 1, 2, list.length - 1]);
const small = names.filter((name) => name !== "thousand");

/** Follows the link to a finding, which unfolds it if it is folded up. */
const unfold = async (page, index) => {
  await page.locator(`table.index a[href="#finding-${index + 1}"]`).click();
  const article = page.locator(`article.finding:has(#finding-${index + 1})`);
  await page.locator(`#finding-${index + 1}`).waitFor({ state: "visible" });
  return article;
};

before(start);
after(stop);

test("there are pages of real findings and pages that no run gives", () => {
  for (const name of ["no-revoke", "no-commit-flush", "write-hole", "flash", "cluster", "survived", "everything", "thousand"]) {
    assert.ok(names.includes(name), name);
  }
});

for (const name of names) {
  describe(name, () => {
    const data = report(name);
    const all = findings(data);

    for (const javaScriptEnabled of [true, false]) {
      const how = javaScriptEnabled ? "with scripts" : "without scripts";

      test(`everything known of a finding can be read ${how}`, () => look(name, { javaScriptEnabled }, async (page) => {
        assert.ok(await page.getByRole("heading", { level: 1 }).isVisible());
        assert.equal(await page.locator("article.finding").count(), all.length);
        for (const index of some(all)) {
          const { exploration, finding } = all[index];
          const article = await unfold(page, index);
          const told = [
            exploration.workload, finding.promise, shown(finding.detail), finding.crash_point, finding.state, finding.id,
            finding.fingerprint, ...finding.checks.flatMap(({ code, says, source }) => [code, says, source]), ...(finding.replay ? [shown(finding.replay)] : []),
            ...finding.operations.slice(0, 4).map((operation) => shown(operation.text)),
            ...finding.differences.slice(0, 3).flatMap(({ what, expected, recovered }) => [what, expected, recovered]),
            finding.compared_with,
            ...(finding.cause?.missing ?? []).flatMap(({ before, after }) => [`#${before.event}`, before.what, `#${after.event}`, after.what]),
            ...(finding.cause?.fix?.flushes ?? []).map(({ device }) => `flush of ${shown(device)}`),
          ];
          const parts = told.filter((part) => part !== null && part.length < 300).map((part) => plain(shown(part)));
          const text = plain(await article.innerText());
          assert.deepEqual(parts.filter((part) => !text.includes(part)), [], `finding ${index + 1} does not say all of it`);
        }
      }));

      test(`the drawing and the map show what the data says ${how}`, () => look(name, { javaScriptEnabled }, async (page) => {
        for (const index of some(all)) {
          const { finding: { picture, cause, lives } } = all[index];
          if (!picture) continue;
          const article = await unfold(page, index);
          if (await article.locator("p", { hasText: "The drawings are left out" }).isVisible()) {
            assert.ok(index > 50, "the first findings of a page have their drawings");
            continue;
          }
          const drawings = article.locator("svg.timeline[role=img]");
          const later = (lives ?? []).filter((life) => life.picture);
          const whose = ["", ...later.map(({ life }) => `life ${life} of `)].map((life) => `The trace of ${life}finding ${index + 1}`);
          assert.equal(await drawings.count(), whose.length);
          for (const [nth, name] of whose.entries()) {
            assert.ok(await drawings.nth(nth).isVisible());
            const told = await drawings.nth(nth).evaluate((svg) => document.getElementById(svg.getAttribute("aria-labelledby").split(" ")[0]).textContent);
            assert.equal(told, name);
          }
          const drawing = drawings.first();
          const issued = picture.steps.filter(({ step }) => step === "event").map(({ event }) => `#${event}`);
          const columns = await drawing.locator("text.number").allTextContents();
          assert.ok(columns.length > 0 && columns.every((column) => issued.includes(column)), columns.join(" "));
          assert.equal(await drawing.locator(".crash text").textContent(), "power fails");
          const drawn = (event) => picture.steps.some((step) => step.event === event);
          const arrows = (cause?.missing ?? []).filter(({ before, after }) => drawn(before.event) && drawn(after.event));
          if (columns.length === issued.length) {
            assert.ok(await drawing.locator(".edge path").count() >= Math.min(arrows.length, 6));
          }
          const cells = article.locator(".map .cell");
          const places = ({ sectors }) => Math.min(sectors.reduce((sum, { count }) => sum + Math.min(Math.max(count, 1), 16), 0), 400);
          const expected = [picture, ...later.map((life) => life.picture)].reduce((sum, picture) => sum + places(picture), 0);
          assert.equal(await cells.count(), expected);
          const kinds = { new: "new", old: "old", torn: "torn", lost: "lost", garbled: "garbled", unread: "not looked at" };
          const runs = (await article.locator(".map li").allTextContents()).map(plain);
          for (const { holds, what } of picture.sectors.slice(0, 20)) {
            assert.ok(runs.some((run) => run.includes(`: ${kinds[holds]}, ${plain(shown(what)).slice(0, 60)}`)), `${holds}: ${runs.join("; ")}`);
          }
          if (expected > 0) {
            const box = await cells.first().boundingBox();
            assert.ok(box.width >= 16 && box.height >= 16, JSON.stringify(box));
          }
        }
      }));
    }

    test("the filter and the buttons that copy are only there if they work", async () => {
      await look(name, { javaScriptEnabled: false }, async (page) => {
        assert.equal(await page.locator("#filter").isVisible(), false);
        // To ask all buttons of a long page takes minutes.
        for (const button of (await page.locator("button").all()).slice(0, 20)) {
          assert.equal(await button.isVisible(), false);
        }
      });
      await look(name, {}, async (page) => {
        assert.equal(await page.locator("#filter:visible").count(), all.length > 1 ? 1 : 0);
        if (all[0]?.finding.replay) assert.ok(await page.locator("button.copy").first().isVisible());
      });
    });

    test("the coverage of every exploration is in the table", () => look(name, {}, async (page) => {
      const rows = page.locator("table.explorations tbody tr");
      assert.equal(await rows.count(), data.explorations.length);
      const first = data.explorations[0];
      const recoveries = first.coverage.later.reduce((sum, life) => sum + life.recoveries, first.coverage.recoveries);
      assert.match(await rows.first().innerText(), new RegExp(`${first.workload}[^]*${recoveries}`));
      for (const { coverage } of data.explorations.slice(0, 20)) {
        if (coverage.left_out) assert.ok(await page.locator("#coverage", { hasText: coverage.left_out }).isVisible());
      }
    }));
  });
}

test("axe finds what is wrong where something is", () => look("everything", {}, async (page) => {
  await page.addStyleTag({ content: ".finding h3, .finding .step { color: #999; background: #bbb }" });
  await page.evaluate(() => {
    document.documentElement.removeAttribute("lang");
    for (const button of document.querySelectorAll("button.copy")) button.textContent = "";
  });
  const found = (await violations(page)).join("\n");
  for (const rule of ["color-contrast", "html-has-lang", "button-name"]) assert.match(found, new RegExp(`^${rule} `, "m"));
}));

for (const name of small) {
  for (const colorScheme of ["light", "dark"]) {
    test(`axe finds nothing wrong with ${name} in the ${colorScheme} theme`, () => look(name, { colorScheme }, async (page) => {
      const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const light = ground.match(/\d+/g).map(Number).every((part) => part > 128);
      assert.equal(light, colorScheme === "light", ground);
      await page.evaluate(() => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
      assert.deepEqual(await violations(page), []);
    }));
  }

  test(`every link of ${name} leads to something`, () => look(name, {}, async (page) => {
    const dead = await page.evaluate(() => [...document.querySelectorAll("a")]
      .map((link) => link.getAttribute("href"))
      .filter((target) => !target.startsWith("#") || !document.getElementById(target.slice(1))));
    assert.deepEqual(dead, []);
  }));

  test(`headings of ${name} are in order`, () => look(name, {}, async (page) => {
    const levels = await page.locator("h1, h2, h3, h4").evaluateAll((all) => all.map(({ tagName }) => Number(tagName[1])));
    assert.equal(levels[0], 1);
    levels.forEach((level, index) => assert.ok(index === 0 || level <= levels[index - 1] + 1, levels.join(" ")));
  }));

  test(`nothing of ${name} is wider than the window`, async () => {
    for (const width of [1280, 420]) {
      await look(name, { viewport: { width, height: 900 } }, async (page) => {
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= width, `${wide} in a window of ${width}`);
      });
    }
  });

  test(`all of ${name} is on paper`, async () => {
    for (const javaScriptEnabled of [true, false]) {
      await look(name, { javaScriptEnabled, colorScheme: "dark" }, async (page) => {
        await page.emulateMedia({ media: "print", colorScheme: "dark" });
        for (const part of ["article .body", "details table", "svg.timeline", ".map .cell"]) {
          assert.equal(await page.locator(`${part}:visible`).count(), await page.locator(part).count(), part);
        }
        assert.equal(await page.locator("#filter:visible, .copy:visible, .skip:visible").count(), 0);
        const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        assert.equal(ground, "rgb(255, 255, 255)");
      });
    }
  });
}
