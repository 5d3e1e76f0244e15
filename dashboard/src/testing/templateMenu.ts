import { screen } from "@testing-library/react";
import { show } from "./show";

/** Takes an entry of the menu of the template Python 3, on the catalogue of who publishes. */
export async function choose(entry: string) {
  const shown = show("/templates");
  await shown.user.click(await screen.findByRole("button", { name: "More actions for Python 3" }));
  await shown.user.click(await screen.findByRole("menuitem", { name: entry }));
  return shown;
}
