"""Our part of an ssh configuration: what ssh makes of it, and that nothing else changes."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from devworkspace.cli.main import main
from devworkspace.cli.remote.sshconfig import BEGIN, END, BrokenPartError, make_part, put_part, remove_part

PART = make_part({"User": "dev"})
THEIRS = "# mine\nCompression yes\nHost *\n\tUser me\r\nMatch host x\n  Port 7"
SSH = shutil.which("ssh")


def call(home: Path, *arguments: str, locale: str = "C.UTF-8") -> Result:
    environment = {
        "HOME": str(home),
        "XDG_CONFIG_HOME": None,
        "KUBECONFIG": str(home / "none"),
        "LC_ALL": locale,
        "DEVWORKSPACE_URL": None,
        "DEVWORKSPACE_TOKEN": None,
    }
    return CliRunner().invoke(main, ["config-ssh", *arguments], env=environment)


def config_of(home: Path) -> Path:
    return home / ".ssh" / "config"


def write_config(home: Path, text: str) -> Path:
    config_of(home).parent.mkdir()
    config_of(home).write_bytes(text.encode())
    return config_of(home)


class TestText:
    @given(st.text())
    def test_what_was_put_in_comes_out_again(self, text: str) -> None:
        if BEGIN[:20] not in text:
            assert remove_part(put_part(text, PART)) == text
            assert put_part(put_part(text, PART), PART) == put_part(text, PART)
            assert remove_part(text) == text

    def test_it_is_renewed_where_it_stands(self) -> None:
        text = f"before\n{PART}behind\n"
        assert put_part(text, make_part({"User": "other"})) == f"before\n{make_part({'User': 'other'})}behind\n"

    @pytest.mark.parametrize("text", [f"x\n{BEGIN}\n", f"x\n{END}\n", f"x\n{END}\n{BEGIN}\n", PART + PART])
    def test_a_part_without_its_end_is_left_alone(self, text: str) -> None:
        with pytest.raises(BrokenPartError):
            put_part(text, PART)
        with pytest.raises(BrokenPartError):
            remove_part(text)


class TestFile:
    def test_a_new_one_is_the_persons_alone(self, tmp_path: Path) -> None:
        assert call(tmp_path).exit_code == 0
        assert config_of(tmp_path).stat().st_mode & 0o777 == 0o600
        assert config_of(tmp_path).parent.stat().st_mode & 0o777 == 0o700
        key = tmp_path / ".config/devworkspace/ssh/id_ed25519"
        assert key.stat().st_mode & 0o777 == 0o600
        assert key.with_suffix(".pub").read_text().startswith("ssh-ed25519 ")

    def test_nothing_else_changes_and_all_of_ours_goes(self, tmp_path: Path) -> None:
        file = write_config(tmp_path, THEIRS)
        file.chmod(0o640)
        assert "now knows" in call(tmp_path).output
        assert file.read_bytes().endswith(THEIRS.encode())
        assert call(tmp_path, "--remove").exit_code == 0
        assert (file.read_bytes(), file.stat().st_mode & 0o777) == (THEIRS.encode(), 0o640)
        assert [path.name for path in file.parent.iterdir()] == ["config"]

    def test_a_second_time_changes_nothing(self, tmp_path: Path) -> None:
        call(tmp_path)
        before = config_of(tmp_path).read_bytes()
        assert "stays as it is" in call(tmp_path).output
        assert config_of(tmp_path).read_bytes() == before

    def test_a_dry_run_shows_and_writes_nothing(self, tmp_path: Path) -> None:
        file = write_config(tmp_path, THEIRS)
        result = call(tmp_path, "--dry-run")
        assert '+Host *.devworkspace "!*\'*"' in result.output
        assert file.read_bytes() == THEIRS.encode()

    def test_a_link_stays_one(self, tmp_path: Path) -> None:
        (tmp_path / "kept").write_text(THEIRS)
        (tmp_path / ".ssh").mkdir()
        config_of(tmp_path).symlink_to("../kept")
        call(tmp_path)
        assert config_of(tmp_path).is_symlink()
        assert (tmp_path / "kept").read_text().startswith(BEGIN)

    def test_a_broken_part_is_named_and_left(self, tmp_path: Path) -> None:
        file = write_config(tmp_path, f"Port 1\n{BEGIN}\n")
        result = call(tmp_path)
        assert result.exit_code == 1
        assert "line 2" in result.output
        assert file.read_text() == f"Port 1\n{BEGIN}\n"

    def test_in_chinese(self, tmp_path: Path) -> None:
        assert "已配置 *.devworkspace" in call(tmp_path, locale="zh_CN.UTF-8").output


class TestWhatSshMakesOfIt:
    """By the OpenSSH client of this machine."""

    def meant(self, home: Path, host: str) -> dict[str, str]:
        assert SSH is not None, "no ssh in PATH; on Debian: apt-get install openssh-client"
        argv = [SSH, "-G", "-F", str(config_of(home)), host]
        output = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        return dict(line.split(" ", 1) for line in output.splitlines() if " " in line)

    def test_our_hosts_are_ours_whatever_else_is_said(self, tmp_path: Path) -> None:
        write_config(tmp_path, "Compression yes\nHost *\n  User me\n  ProxyJump bastion\n")
        call(tmp_path, "--server=https://dev.example.com", "--namespace=team")
        ours, other = self.meant(tmp_path, "shop.devworkspace"), self.meant(tmp_path, "example.com")
        assert (ours["user"], ours["compression"]) == ("dev", "yes")
        assert ours["proxycommand"].endswith(
            " -P -m devworkspace ssh --stdio --namespace=team --server=https://dev.example.com '%n'"
        )
        assert (other["user"], other["compression"], other.get("proxycommand")) == ("me", "yes", None)

    def test_no_name_becomes_an_order_to_the_shell(self, tmp_path: Path) -> None:
        """Before 9.6 ssh put a name into the command as it was typed; so does this test."""
        call(tmp_path, "--server=http://localhost:1")
        command = self.meant(tmp_path, "shop.devworkspace")["proxycommand"].replace(sys.executable, "/bin/echo")
        planted = tmp_path / "planted"

        def run(template: str) -> str:
            hostile = template.replace("%n", f"$(touch {planted}).devworkspace")
            return subprocess.run(["/bin/sh", "-c", hostile], capture_output=True, text=True, check=True).stdout

        assert "$(touch" in run(command)
        assert not planted.exists()
        run(command.replace("'%n'", "%n"))
        assert planted.exists(), "control: without the quotes it would be one"

    def test_a_name_that_would_end_the_quotes_is_not_ours(self, tmp_path: Path) -> None:
        call(tmp_path, "--server=http://localhost:1")
        assert "proxycommand" in self.meant(tmp_path, "a.devworkspace"), "control"
        argv = [SSH or "ssh", "-G", "-F", str(config_of(tmp_path)), "a'b.devworkspace"]
        # Newer ones refuse such a name altogether.
        assert "proxycommand" not in subprocess.run(argv, capture_output=True, text=True, check=False).stdout
