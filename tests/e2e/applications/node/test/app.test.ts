import { afterAll, expect, test } from "vitest";

import { build, convert } from "../src/app.js";

const app = build();
afterAll(() => app.close());

test("it is healthy", async () => {
  expect((await app.inject("/healthz")).json()).toEqual({ status: "ok" });
});

test.each([
  ["celsius", 100, 212],
  ["fahrenheit", 212, 100],
  ["celsius", -40, -40],
] as const)("%s %d", (from, degrees, expected) => {
  expect(convert({ from, degrees })).toBe(expected);
});

test("degrees are converted", async () => {
  const answer = await app.inject("/convert?from=celsius&degrees=21.5");
  expect(answer.json()).toEqual({ degrees: 70.7 });
});

test("what is no number is refused", async () => {
  const answer = await app.inject("/convert?from=celsius&degrees=warm");
  expect(answer.statusCode).toBe(400);
});
