"""What `init` asks a person for."""

import os
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import click

from osfsync.cli.context import run_async
from osfsync.cli.output import complain
from osfsync.config.addresses import check_server
from osfsync.config.sources import PASSWORD_VARIABLE
from osfsync.domain.errors import ConfigError, LoginRefusedError
from osfsync.domain.model import Tenant

TRIES = 3
"""Passwords that are asked for; a platform may lock an account that is tried more often."""


@dataclass(slots=True)
class Answers:
    """What was answered: settings by their dotted keys, and the password, which is none of them."""

    values: dict[str, str] = field(default_factory=dict)
    password: str = field(default="", repr=False)
    password_file: Path | None = None


def answers(folder: Path) -> Answers:
    """Ask, and log in to list the tenants. `folder` is where the configuration will lie."""
    given = Answers()
    given.values["cloud.url"] = click.prompt("Address of the platform", value_proc=_address)
    given.values["cloud.username"] = click.prompt("User name", value_proc=_text)
    tenants = _logged_in(given)
    if len(tenants) > 1:
        given.values["cloud.tenant"] = _chosen(tenants)
    given.values["archive.path"] = click.prompt("Folder of the mirror", default="./mirror", value_proc=_text)
    if _password_is_set():
        return given
    if click.confirm("Keep the password in a file that only you can read?", default=True):
        given.password_file = folder / "osfsync.password"
        given.values["cloud.password_file"] = "./osfsync.password"
    else:
        click.echo(f"Set {PASSWORD_VARIABLE}, or see [cloud] in the file for other ways.")
    return given


def _logged_in(given: Answers) -> list[Tenant]:
    """The tenants of the account; asks for the password until it is accepted."""
    from osfsync import logs
    from osfsync.app.doctor import tenants_of
    from osfsync.config.password import from_variable

    url, username = given.values["cloud.url"], given.values["cloud.username"]
    for left in reversed(range(TRIES)):
        given.password = from_variable(os.environ) or click.prompt("Password", hide_input=True)
        logs.hide(given.password)
        try:
            return run_async(partial(tenants_of, url, username, given.password))
        except LoginRefusedError as error:
            if not left or _password_is_set():
                raise
            complain(str(error))
    raise AssertionError("the last try ends with tenants or an error")


def _password_is_set() -> bool:
    return bool(os.environ.get(PASSWORD_VARIABLE))


def _chosen(tenants: list[Tenant]) -> str:
    from osfsync.reports.text import printable

    for number, tenant in enumerate(tenants, 1):
        click.echo(f"  {number}  {printable(tenant.name)}")
    number = click.prompt("Number of the tenant", type=click.IntRange(1, len(tenants)))
    tenant = tenants[number - 1]
    names = [each.name for each in tenants]
    return tenant.name if names.count(tenant.name) == 1 and tenant.name.isprintable() else tenant.id


def _address(text: str) -> str:
    address = text if "://" in text else f"https://{text}"
    try:
        return check_server(address)
    except ConfigError as error:
        raise click.BadParameter(f"it {error.message}") from error


def _text(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise click.BadParameter("it is empty, or holds a control character")
    return text.strip()
