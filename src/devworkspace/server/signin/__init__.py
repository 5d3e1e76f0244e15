"""Who is it: the sign-in page, its accounts, and the one-time codes that open an environment's own host."""
