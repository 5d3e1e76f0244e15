"""Keycloak, its distribution for servers as Maven has it."""

import contextlib
import json
import subprocess
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import aiohttp
from yarl import URL

from tests.providers.process import CLIENT_ID, CLIENT_SECRET, PASSWORD, ProviderProcess, agree, cache_folder
from tests.server.support import Browser
from tests.support.ports import free_port

VERSION: Final = "26.7.3"
ADMIN: Final = "admin"
KEY_PROVIDER: Final = "org.keycloak.keys.KeyProvider"
# Fetches one artifact, and none of those that it was made from.
COPY: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"


def installed() -> Path:
    """The distribution's folder, fetched once."""
    with cache_folder(f"keycloak-{VERSION}") as folder:
        home = folder / f"keycloak-{VERSION}"
        if not home.exists():
            print("keycloak: fetching, some 200 MB ...", flush=True)
            artifact = f"-Dartifact=org.keycloak:keycloak-quarkus-dist:{VERSION}:tar.gz"
            maven = ["mvn", "--batch-mode", "--quiet", COPY, artifact, f"-DoutputDirectory={folder}"]
            subprocess.run(maven, cwd=folder, check=True)
            archive = folder / f"keycloak-quarkus-dist-{VERSION}.tar.gz"
            with tarfile.open(archive) as packed:
                packed.extractall(folder / "unpacked", filter="data")
            archive.unlink()
            (folder / "unpacked" / f"keycloak-{VERSION}").rename(home)
    return home


def make_realm(origin: str, *, seconds: int) -> dict[str, Any]:
    """As docs/SIGNIN.md describes it, with one person; `seconds` is how long an access token lasts."""
    realm: dict[str, Any] = json.loads(Path(__file__).with_name("realm.json").read_text())
    realm |= {"realm": f"example-{URL(origin).port}", "accessTokenLifespan": seconds}
    (client,) = realm["clients"]
    client |= {"clientId": CLIENT_ID, "secret": CLIENT_SECRET, "redirectUris": [f"{origin}/signin/callback"]}
    client["attributes"]["post.logout.redirect.uris"] = f"{origin}/signin"
    for person in realm["users"]:
        person["credentials"] = [{"type": "password", "value": PASSWORD, "temporary": False}]
    return realm


class Keycloak(ProviderProcess):
    """A server without people of ours; `base` is its address."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.base = f"http://localhost:{port}"
        options = [f"--http-port={port}", "--http-host=127.0.0.1", "--db=dev-mem", f"--hostname={self.base}"]
        super().__init__(
            issuer=f"{self.base}/realms/master",
            command=[installed() / "bin" / "kc.sh", "start-dev", *options],
            log_file=folder / "keycloak.log",
            environment={
                "KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN,
                "KC_BOOTSTRAP_ADMIN_PASSWORD": PASSWORD,
                "JAVA_OPTS_KC_HEAP": "-Xms128m -Xmx512m",
            },
        )

    async def administer(self, method: str, path: str, body: Any = None) -> Any:
        """A call of its admin API; the JSON of the answer, if there is one."""
        form = {"grant_type": "password", "client_id": "admin-cli", "username": ADMIN, "password": PASSWORD}
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{self.issuer}/protocol/openid-connect/token", data=form) as answer:
                token = (await answer.json())["access_token"]
            headers = {"Authorization": f"Bearer {token}"}
            async with session.request(method, self.base + path, json=body, headers=headers) as answer:
                text = await answer.text()
                assert answer.status < 300, (method, path, answer.status, text)
                return json.loads(text) if text else None

    @contextlib.asynccontextmanager
    async def with_realm(self, realm: dict[str, Any]) -> AsyncIterator["Realm"]:
        """`realm` as people find it; gone with all its sessions afterwards."""
        await self.administer("POST", "/admin/realms", realm)
        try:
            yield Realm(self, realm["realm"])
        finally:
            await self.administer("DELETE", f"/admin/realms/{realm['realm']}")


class Realm:
    """The provider that our server knows."""

    def __init__(self, keycloak: Keycloak, name: str) -> None:
        self.issuer = f"{keycloak.base}/realms/{name}"
        self._keycloak = keycloak
        self._path = f"/admin/realms/{name}"

    async def agree(self, browser: Browser, location: str, *, who: str, until: str) -> URL:
        """See `AnyProvider`."""
        return await agree(browser, location, who=who, until=until)

    async def end_sessions_of(self, name: str) -> None:
        """What "Sign out all sessions" does in its console."""
        await self._administer("POST", f"/users/{(await self._person(name))['id']}/logout")

    async def change(self, name: str, **changes: Any) -> None:
        person = await self._person(name)
        await self._administer("PUT", f"/users/{person['id']}", {**person, **changes})

    async def take_out_of_groups(self, name: str) -> None:
        path = f"/users/{(await self._person(name))['id']}/groups"
        for group in await self._administer("GET", path):
            await self._administer("DELETE", f"{path}/{group['id']}")

    async def exchange_signing_key(self) -> None:
        """A new RSA key signs from now on, and the one before it is not even listed."""
        before = await self._administer("GET", f"/components?type={KEY_PROVIDER}")
        config = {"priority": ["200"], "enabled": ["true"], "active": ["true"]}
        body = {"name": "next", "providerId": "rsa-generated", "providerType": KEY_PROVIDER, "config": config}
        await self._administer("POST", "/components", body)
        for component in before:
            if component["providerId"] == "rsa-generated":
                await self._administer("DELETE", f"/components/{component['id']}")

    async def _person(self, name: str) -> dict[str, Any]:
        (found,) = await self._administer("GET", f"/users?exact=true&username={name}")
        return dict(found)

    async def _administer(self, method: str, path: str, body: Any = None) -> Any:
        return await self._keycloak.administer(method, self._path + path, body)
