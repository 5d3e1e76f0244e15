import { screen, within } from "@testing-library/react";
import { HttpResponse } from "msw";
import { beforeEach, expect, test } from "vitest";
import { makeEnvironment } from "../testing/builders";
import { problem, record, serveEnvironments } from "../testing/server";
import { show } from "../testing/show";

beforeEach(() => serveEnvironments(makeEnvironment(), makeEnvironment({ name: "other" })));

async function openDialog() {
  const { user } = show("/envs");
  await user.click(await screen.findByRole("button", { name: "More actions for demo" }));
  await user.click(await screen.findByRole("menuitem", { name: "Delete" }));
  return { user, dialog: await screen.findByRole("dialog", { name: "Delete demo?" }) };
}

test("the disk is kept unless somebody says otherwise, and that needs no typing", async () => {
  const asked = record("delete");
  const { user, dialog } = await openDialog();
  expect(within(dialog).getByRole("radio", { name: "Keep the disk" })).toBeChecked();
  expect(
    within(dialog).getByText("It stays in project team as volume demo-home; a new environment can take it over."),
  ).toBeVisible();
  expect(within(dialog).getByText(/It is running and is stopped first/)).toBeVisible();
  await user.click(within(dialog).getByRole("button", { name: "Delete" }));
  expect(await screen.findByText("demo is being deleted.")).toBeVisible();
  expect(asked).toEqual(["team/environments/demo?data=Retain"]);
});

test("the disk goes only after its name was typed exactly", async () => {
  const asked = record("delete");
  const { user, dialog } = await openDialog();
  await user.click(within(dialog).getByRole("radio", { name: "Delete the disk too" }));
  const confirm = within(dialog).getByRole("button", { name: "Delete with disk" });
  const field = within(dialog).getByRole("textbox", { name: "Type demo to delete the disk" });
  await user.type(field, "dem{Enter}");
  expect(confirm).toBeDisabled();
  expect(asked).toEqual([]);
  await user.type(field, "o");
  await user.click(confirm);
  expect(await screen.findByText("demo is being deleted.")).toBeVisible();
  expect(asked).toEqual(["team/environments/demo?data=Delete"]);
});

test("who deletes what somebody else is working in is told so", async () => {
  serveEnvironments(makeEnvironment({ owner: "li.wei", lastActivity: new Date().toISOString() }));
  const { dialog } = await openDialog();
  expect(await within(dialog).findByText("li.wei is working in it now")).toBeVisible();
});

test("the focus starts on Cancel, and Escape changes nothing", async () => {
  const asked = record("delete");
  const { user, dialog } = await openDialog();
  expect(within(dialog).getByRole("button", { name: "Cancel" })).toHaveFocus();
  await user.keyboard("{Escape}");
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(asked).toEqual([]);
});

test("a refusal stays in the dialog", async () => {
  record("delete", "", () => problem(503, "The operator does not answer. Nothing was deleted; try again in a moment."));
  const { user, dialog } = await openDialog();
  await user.click(within(dialog).getByRole("button", { name: "Delete" }));
  expect(await within(dialog).findByRole("alert")).toHaveTextContent("demo: The operator does not answer.");
  expect(dialog).toBeVisible();
});

test("several are listed, and their disks go only for their number", async () => {
  const asked = record("delete");
  const { user } = show("/envs");
  await user.click(await screen.findByRole("checkbox", { name: "Select all on this page" }));
  await user.click(screen.getByRole("button", { name: "Delete 2" }));
  const dialog = await screen.findByRole("dialog", { name: "Delete 2 environments?" });
  expect(within(dialog).getAllByRole("listitem")).toHaveLength(2);
  await user.click(within(dialog).getByRole("radio", { name: "Delete the disk too" }));
  await user.type(within(dialog).getByRole("textbox"), "2");
  await user.click(within(dialog).getByRole("button", { name: "Delete with disk" }));
  await screen.findByText("other is being deleted.");
  expect(asked.sort()).toEqual(["team/environments/demo?data=Delete", "team/environments/other?data=Delete"]);
});

test("what was left stays in the dialog, and a second try asks for nothing that is gone", async () => {
  let left = 1;
  record("delete", "", () =>
    left-- > 0
      ? new HttpResponse(null, { status: 204 })
      : new HttpResponse(null, { status: 429, headers: { "Retry-After": "3600" } }),
  );
  const { user } = show("/envs");
  await user.click(await screen.findByRole("checkbox", { name: "Select all on this page" }));
  await user.click(screen.getByRole("button", { name: "Delete 2" }));
  const dialog = await screen.findByRole("dialog", { name: "Delete 2 environments?" });
  await user.click(within(dialog).getByRole("button", { name: "Delete" }));
  await user.click(await within(dialog).findByRole("button", { name: "Leave the rest" }));
  expect(await within(dialog).findByRole("alert")).toHaveTextContent("1 was left as it is.");
  const asked = record("delete");
  await user.click(within(dialog).getByRole("button", { name: "Delete" }));
  await screen.findByText("other is being deleted.");
  expect(asked).toEqual(["team/environments/other?data=Retain"]);
});
