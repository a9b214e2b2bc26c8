"""A configuration file to typed settings: secrets resolved, paths absolute, defaults and ``[main]`` filled in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from authproxy.config import ini
from authproxy.config.build_clients import client
from authproxy.config.build_mail import mail
from authproxy.config.build_monitor import metrics, syslog, traces
from authproxy.config.build_servers import MODES, http_proxy, ldap_server, radius_server
from authproxy.config.build_telephony import telephony
from authproxy.config.build_web import web
from authproxy.config.check_files import check_files
from authproxy.config.options import SEED_KEY, BadValue
from authproxy.config.places import Places
from authproxy.config.problems import Findings, Problem, Severity, in_file_order
from authproxy.config.reveal import Reveal, Secrets
from authproxy.config.schema import Role
from authproxy.config.settings import MainSettings, ServiceSettings, Settings
from authproxy.config.settings_telephony import SMS_MESSAGE
from authproxy.config.validate import check
from authproxy.config.values import Checked, SectionValues, writes_log_files
from authproxy.errors import ConfigError
from authproxy.secret import Secret

_LARGEST_FILE = 4_000_000


class InvalidConfig(ConfigError):
    """The configuration has errors; ``problems`` holds them and the warnings, in the order of the file."""

    def __init__(self, file: str, problems: tuple[Problem, ...]) -> None:
        self.file = file
        self.problems = problems
        errors = [problem for problem in problems if problem.severity is Severity.ERROR]
        count = f"{len(errors)} errors, the first" if len(errors) != 1 else "one error"
        super().__init__(f"{file} can't be used: {count}: {errors[0].render() if errors else ''}")

    def report(self) -> str:
        """Every error, a line each."""
        return "\n".join(problem.render() for problem in self.problems if problem.severity is Severity.ERROR)


@dataclass(frozen=True, slots=True)
class KeyPlaces:
    """Where the key pair that protected values are encrypted to is, and the passphrase that opens it:
    an absolute path, ``credential:NAME``, or nothing."""

    state_dir: Path
    gnupg_home: Path
    passphrase_file: str


def examine(path: Path, *, syntax_only: bool = False) -> Checked:
    """Reads and checks the file at ``path``, and unless ``syntax_only`` the files and directories it names.

    Raises ConfigError, one clear line, when it can't be read at all.
    """
    text, undecodable = ini.decode(_read(path), str(path))
    document = ini.parse(text, str(path))
    checked = check(document, syntax_only=syntax_only)
    findings = Findings(str(path), [*undecodable, *checked.problems])
    if not syntax_only:
        check_files(checked, Places.of(path), findings)
    problems = tuple(in_file_order(findings.problems))
    return Checked(checked.file, problems, checked.sections, checked.main, checked.service)


def load(path: Path, reveal: Reveal | None = None) -> Settings:
    """The settings of the file at ``path``. Raises ConfigError: InvalidConfig with every problem if it was read.

    ``reveal`` turns protected values into secrets; None will do while there are none.
    """
    return load_with_problems(path, reveal)[0]


def load_with_problems(path: Path, reveal: Reveal | None = None) -> tuple[Settings, tuple[Problem, ...]]:
    """The same, and the warnings."""
    checked = examine(path)
    return settings(checked, reveal, Places.of(path)), checked.problems


def key_places(path: Path) -> KeyPlaces:
    """Where the key of protected values is, without needing it: errors elsewhere in the file do not matter.

    Raises ConfigError when the file can't be read.
    """
    text, _ = ini.decode(_read(path), str(path))
    service = check(ini.parse(text, str(path)), syntax_only=True).service
    places = Places.of(path)
    state_dir = places.state_dir(service)
    given = service.optional_text("gnupg_home")
    home = places.to_write(given) if given else state_dir / "gnupg"
    return KeyPlaces(state_dir, home, places.passphrase_file(service))


def settings(checked: Checked, reveal: Reveal | None, places: Places) -> Settings:
    """Raises InvalidConfig if ``checked`` has errors or a secret can't be had."""
    if not checked.usable:
        raise InvalidConfig(checked.file, checked.problems)
    findings = Findings(checked.file, list(checked.problems))
    secrets = Secrets(reveal, places.read_secret, findings)
    clients = {
        section.name: client(section, secrets, places)
        for section in checked.sections
        if section.type.role is Role.CLIENT
    }
    only_client = next(iter(clients)) if len(clients) == 1 else None
    gateway = next((section for section in checked.sections if section.type.name == "telephony"), None)
    built = Settings(
        path=places.config,
        main=_main(checked, places),
        service=_service(checked.service, gateway, secrets, places),
        clients=clients,
        radius_servers=tuple(
            radius_server(section, only_client, secrets, places)
            for section in checked.sections
            if section.type.name in MODES and section.is_served
        ),
        ldap_servers=tuple(
            ldap_server(section, only_client, secrets, places)
            for section in checked.sections
            if section.type.name == "ldap_server_auto" and section.is_served
        ),
        http_proxies=tuple(
            http_proxy(section) for section in checked.sections if section.type.name == "http_proxy"
        ),
        telephony=telephony(gateway, secrets, places) if gateway else None,
        mail=mail(checked.sections, secrets, places),
        metrics=metrics(checked.sections),
        unsupported=tuple(section.name for section in checked.sections if not section.is_served),
    )
    if len(findings.problems) > len(checked.problems):
        raise InvalidConfig(checked.file, tuple(in_file_order(findings.problems)))
    return built


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigError(f"can't read the configuration file {path}: {error.strerror}") from None
    if len(data) > _LARGEST_FILE:
        raise ConfigError(f"{path} is too large for a configuration file")
    return data


def _main(checked: Checked, places: Places) -> MainSettings:
    main = checked.main
    dictionaries = main.optional_text("dictionary_dir")
    return MainSettings(
        debug=main.flag("debug"),
        log_dir=places.log_dir(main, checked.service) if writes_log_files(main) else None,
        log_file=main.flag("log_file"),
        log_stdout=main.flag("log_stdout"),
        log_stdout_format=main.text("log_stdout_format"),
        log_syslog=main.flag("log_syslog"),
        syslog_facility=main.text("syslog_facility"),
        syslog=syslog(main, places),
        log_max_files=main.integer("log_max_files"),
        log_max_size=main.integer("log_max_size"),
        log_auth_events=main.flag("log_auth_events"),
        dictionary_dir=places.to_read(dictionaries) if dictionaries else None,
        support_gpg_recipient=main.text("support_gpg_recipient"),
        test_connectivity_on_startup=main.flag("test_connectivity_on_startup"),
        traces=traces(main),
    )


def _service(
    service: SectionValues, gateway: SectionValues | None, secrets: Secrets, places: Places
) -> ServiceSettings:
    state_dir = places.state_dir(service)
    database = secrets.optional(service, "database")
    gnupg_home = service.optional_text("gnupg_home")
    return ServiceSettings(
        state_dir=state_dir,
        database=database.reveal() if database else f"sqlite:///{state_dir / 'authproxy.db'}",
        seed_key=_seed_key(service, secrets),
        new_user_policy=service.text("new_user_policy"),
        username_normalization=service.text("username_normalization"),
        lockout_after=service.integer("lockout_after"),
        lockout_seconds=service.integer("lockout_seconds"),
        totp_window=service.integer("totp_window"),
        hotp_window=service.integer("hotp_window"),
        push_seconds=service.integer("push_seconds"),
        push_limit=service.integer("push_limit"),
        push_limit_seconds=service.integer("push_limit_seconds"),
        fraud_locks_user=service.flag("fraud_locks_user"),
        sms_batch=service.integer("sms_batch"),
        sms_valid_seconds=service.integer("sms_valid_seconds"),
        sms_message=gateway.text("sms_message") if gateway else SMS_MESSAGE,
        challenge_seconds=service.integer("challenge_seconds"),
        login_retention_days=service.integer("login_retention_days"),
        message_retention_days=service.integer("message_retention_days"),
        telephony_retention_days=service.integer("telephony_retention_days"),
        audit_retention_days=service.integer("audit_retention_days"),
        gnupg_home=places.to_write(gnupg_home) if gnupg_home else None,
        passphrase_file=places.passphrase_file(service),
        web=web(service, places),
    )


def _seed_key(service: SectionValues, secrets: Secrets) -> Secret | None:
    """A protected one can be judged only now."""
    key = secrets.optional(service, "seed_key")
    if key is not None:
        try:
            SEED_KEY.parse(key.reveal())
        except BadValue as bad:
            line, written = service.line_of("seed_key"), service.key_of("seed_key")
            secrets.findings.error(line, service.name, written, "bad value", wanted=str(bad))
    return key
