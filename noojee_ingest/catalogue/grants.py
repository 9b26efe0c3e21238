"""What the owner of a schema allowed to others, carried over to the schema that takes its place."""

from __future__ import annotations

from sqlalchemy import Connection, text

_TO = "CASE one.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(one.grantee)) END"
_ON = "CASE WHEN one.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END"
_NEW = "CAST(:successor AS text)"
_PAIRS = """
  FROM pg_class old
  JOIN pg_class new ON new.relname = old.relname AND new.relnamespace = to_regnamespace(:successor)
"""
GRANTS = f"""
SELECT format('GRANT %s ON SCHEMA %I TO %s%s', one.privilege_type, {_NEW}, {_TO}, {_ON})
  FROM pg_namespace old, aclexplode(old.nspacl) one
 WHERE old.nspname = :schema AND one.grantee <> old.nspowner
UNION ALL
SELECT format('GRANT %s ON %I.%I TO %s%s', one.privilege_type, {_NEW}, old.relname, {_TO}, {_ON})
{_PAIRS} , aclexplode(old.relacl) one
 WHERE old.relnamespace = to_regnamespace(:schema) AND old.relkind IN ('r', 'v') AND one.grantee <> old.relowner
UNION ALL
SELECT format('GRANT %s (%I) ON %I.%I TO %s%s', one.privilege_type, was.attname, {_NEW}, old.relname, {_TO}, {_ON})
{_PAIRS}
  JOIN pg_attribute was ON was.attrelid = old.oid AND NOT was.attisdropped
  JOIN pg_attribute now ON now.attrelid = new.oid AND now.attname = was.attname, aclexplode(was.attacl) one
 WHERE old.relnamespace = to_regnamespace(:schema) AND one.grantee <> old.relowner
"""  # noqa: S608
"""Statements, one for each right on the schema, on its tables and views, and on single columns."""


def carry_grants(connection: Connection, schema: str, successor: str) -> None:
    """Give the readers of ``schema`` the same rights to ``successor``, where what they are about is there again."""
    for grant in connection.execute(text(GRANTS), {"schema": schema, "successor": successor}).scalars().all():
        connection.exec_driver_sql(grant.replace("%", "%%"))
