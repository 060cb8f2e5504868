"""The contestants: each module drives one client through `upload`, `download` and, some of them, `list_keys`."""
