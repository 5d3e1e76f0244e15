import { screen, waitFor, within } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { expect, test } from "vitest";
import type { VolumeView } from "../../api/schema";
import { makeTemplate, makeVolume } from "../../testing/builders";
import { api, problem, serveTemplates } from "../../testing/server";
import { show } from "../../testing/show";

function serveVolumes(...items: readonly VolumeView[]): void {
  api.use(http.get("*/api/v1/volumes", () => HttpResponse.json({ items })));
}

function recordPurges(answer = () => new HttpResponse(null, { status: 204 })): string[] {
  const asked: string[] = [];
  api.use(
    http.delete("*/api/v1/namespaces/:namespace/volumes/:name", ({ request }) => {
      const url = new URL(request.url);
      asked.push(url.pathname.replace("/api/v1/namespaces/", "") + url.search);
      return answer();
    }),
  );
  return asked;
}

const rowOf = async (name: string) => (await screen.findByRole("rowheader", { name })).closest("tr") as HTMLElement;

test("a disk says where it comes from, and leads to a new environment with it", async () => {
  serveVolumes(makeVolume());
  const { user, router } = show("/disks");
  const row = await rowOf("demo-home");
  for (const text of ["demo", "python", "team", "10Gi"]) {
    expect(within(row).getByText(text)).toBeVisible();
  }
  expect(screen.queryByRole("columnheader", { name: "Owner" }), "all are one's own").toBeNull();
  await user.click(await within(row).findByRole("link", { name: "New environment from disk demo-home" }));
  await waitFor(() => expect(router.state.location.pathname).toBe("/new"));
  expect(await screen.findByText("It takes over disk demo-home")).toBeVisible();
  expect(screen.queryByText("Filled in from a link – check, then create")).toBeNull();
  expect(await screen.findByRole("textbox", { name: /^Reuse a kept disk/ })).toHaveValue("demo-home");
});

test("a link of somebody else takes over no disk", async () => {
  serveVolumes(makeVolume());
  show("/new?template=python&ns=team&adopt=demo-home");
  expect(await screen.findByText("Ignored from the link: adopt")).toBeVisible();
  expect(screen.queryByText("It takes over disk demo-home")).toBeNull();
});

test("a template that is gone is chosen anew", async () => {
  serveTemplates(makeTemplate({ name: "go", displayName: "Go" }));
  serveVolumes(makeVolume());
  const { user, router } = show("/disks");
  await user.click(await screen.findByRole("link", { name: /^New environment/ }));
  expect(router.state.location.search).toBe("?ns=team");
});

test("it is deleted for good only after its name was typed", async () => {
  serveVolumes(makeVolume());
  const asked = recordPurges();
  const { user } = show("/disks");
  await user.click(within(await rowOf("demo-home")).getByRole("button", { name: "Delete for good demo-home" }));
  const dialog = await screen.findByRole("dialog", { name: "Delete disk demo-home for good?" });
  expect(within(dialog).getByRole("button", { name: "Cancel" })).toHaveFocus();
  expect(within(dialog).getByText("All files in it are gone at once. Nobody can bring them back.")).toBeVisible();
  const confirm = within(dialog).getByRole("button", { name: "Delete for good" });
  const field = within(dialog).getByRole("textbox", { name: "Type demo-home to delete the disk" });
  await user.type(field, "demo{Enter}");
  expect(confirm).toBeDisabled();
  expect(asked).toEqual([]);
  await user.type(field, "-home");
  await user.click(confirm);
  expect(await screen.findByText("Disk demo-home is being deleted.")).toBeVisible();
  expect(asked).toEqual(["team/volumes/demo-home?uid=uid-demo-home"]);
  expect(within(await rowOf("demo-home")).getByText("Deleting"), "the server's list may lag behind").toBeVisible();
});

test("a refusal stays in the dialog", async () => {
  serveVolumes(makeVolume());
  recordPurges(() => problem(409, "A pod still uses it; delete it when that pod has ended."));
  const { user } = show("/disks");
  await user.click(await screen.findByRole("button", { name: /^Delete for good/ }));
  const dialog = await screen.findByRole("dialog");
  await user.type(within(dialog).getByRole("textbox"), "demo-home");
  await user.click(within(dialog).getByRole("button", { name: "Delete for good" }));
  expect(await within(dialog).findByText(/A pod still uses it/)).toBeVisible();
});

test("others' disks: whose they are, that only they can take them over, and a filter", async () => {
  const foreign = makeVolume({ name: "theirs", owner: "li.wei", allowed: { adopt: false, delete: true } });
  serveVolumes(makeVolume(), foreign);
  const { user, router } = show("/disks");
  const row = await rowOf("theirs");
  expect(screen.getByRole("columnheader", { name: "Owner" })).toBeVisible();
  const adopt = within(row).getByRole("button", { name: /^New environment/ });
  expect(adopt).toHaveAttribute("aria-disabled", "true");
  expect(adopt).toHaveAccessibleDescription("Only its owner can take it over: li.wei");
  await user.selectOptions(screen.getByRole("combobox", { name: "Owner" }), "mine");
  expect(screen.queryByRole("rowheader", { name: "theirs" })).toBeNull();
  expect(router.state.location.search).toBe("?whose=mine");
});

test("without a disk the page says what one is", async () => {
  serveVolumes();
  show("/disks");
  expect(await screen.findByRole("heading", { name: "No kept disk" })).toBeVisible();
});

test("a search without a match leads back", async () => {
  serveVolumes(makeVolume());
  const { user } = show("/disks?q=zzz");
  await user.click(await screen.findByRole("button", { name: "Clear filters" }));
  expect(await screen.findByRole("rowheader", { name: "demo-home" })).toBeVisible();
});

test("what cannot be read can be tried again", async () => {
  api.use(http.get("*/api/v1/volumes", () => problem(503, "away")));
  const { user } = show("/disks");
  const retry = await screen.findByRole("button", { name: "Retry" });
  serveVolumes(makeVolume());
  await user.click(retry);
  expect(await screen.findByRole("rowheader", { name: "demo-home" })).toBeVisible();
});
