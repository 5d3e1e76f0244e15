"""The room that serves the dashboard: files of a build, and the one page that loads them."""
