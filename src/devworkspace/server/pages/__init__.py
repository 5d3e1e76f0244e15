"""The pages that people see before there is a dashboard: texts in two languages, plain HTML, one style sheet."""
