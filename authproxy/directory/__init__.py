"""Directories that users are taken from, read with ldap3. All of it blocks: it has a thread of its own."""
