"""All the SQL. One file of queries a noun; functions take a transaction, never commit, and return frozen records."""
