"""Fills a provisioned domain. Run by Debian's own Python, whose samba module writes the database directly: the
state of some accounts (an old password, no permitted hours) can't be made over LDAP.

    samba_accounts.py DIRECTORY PASSWORD      writes DIRECTORY/accounts.json: sAMAccountName to DN
"""

import json
import sys
import time
from pathlib import Path

import ldb
from samba.auth import system_session
from samba.credentials import Credentials
from samba.dsdb import UF_ACCOUNTDISABLE, UF_NORMAL_ACCOUNT
from samba.param import LoadParm
from samba.samdb import SamDB

DAY = 86_400
MINUTES_30 = -30 * 60 * 10_000_000  # durations are negative, in units of 100 ns
WRITE_OLD_PASSWORD_TIME = "local_oid:1.3.6.1.4.1.7165.4.3.20:0"

PLAIN = [f"u{number:02d}" for number in range(1, 9)]
SPECIAL = [
    "svc-proxy",
    "disabled",
    "accexpired",
    "mustchange",
    "pwexpired",
    "lockme",
    "hours",
    "primary",
    "o'brien",
]
GROUPS = {
    "vpn-users": ["u01", "u02", "jose", "comma", "o'brien"],
    "nest-a": ["nest-b"],
    "nest-b": ["nest-c"],
    "nest-c": ["u03"],
    "cycle-x": ["cycle-y"],
    "cycle-y": ["cycle-x", "u04"],
    "Grp (paren)": ["u05"],
    "primary-grp": ["primary"],
    "around-primary": ["primary-grp"],
    "everybody": ["Domain Users"],
}


def file_time(seconds):
    """Epoch seconds as 100 ns since 1601."""
    return str(int(seconds * 10_000_000) + 116_444_736_000_000_000)


class Domain:
    def __init__(self, directory):
        parameters = LoadParm()
        parameters.load(str(directory / "smb.conf"))
        credentials = Credentials()
        credentials.guess(parameters)
        database = str(directory / "private/sam.ldb")
        self.db = SamDB(url=database, session_info=system_session(), credentials=credentials, lp=parameters)
        self.base = str(self.db.get_default_basedn())

    def dn(self, name):
        found = self.db.search(
            self.base, ldb.SCOPE_SUBTREE, f"(sAMAccountName={ldb.binary_encode(name)})", attrs=["dn"]
        )
        return str(found[0].dn)

    def set(self, dn, controls=(), **values):
        message = ldb.Message(ldb.Dn(self.db, dn))
        for name, value in values.items():
            message[name] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, name)
        self.db.modify(message, controls=list(controls))


def add_accounts(domain, password):
    db = domain.db
    for unit in ("Staff", "Odd\\, Unit", "Groups"):
        db.create_ou(f"OU={unit},{domain.base}")
    for name in PLAIN + SPECIAL:
        db.newuser(
            name, password, userou="OU=Staff", givenname=name, surname="Test", mailaddress=f"{name}@addc.test"
        )
    db.newuser("jose", password, userou="OU=Staff", givenname="José", surname="Núñez")
    db.newuser("comma", password, userou="OU=Odd\\, Unit", givenname="Ann", surname="Comma, Esq.")
    for group in GROUPS:
        db.newgroup(group, groupou="OU=Groups")
    for group, members in GROUPS.items():
        db.add_remove_group_members(group, members)


def make_special(domain):
    domain.db.rename(
        ldb.Dn(domain.db, domain.dn("jose")), ldb.Dn(domain.db, f"CN=José Núñez,OU=Staff,{domain.base}")
    )
    domain.set(domain.dn("u06"), userPrincipalName="alias.six@addc.test")  # differs from sAMAccountName
    domain.set(domain.dn("u05"), userPrincipalName="five@alt.example")  # a suffix that is no domain
    domain.set(domain.dn("disabled"), userAccountControl=str(UF_NORMAL_ACCOUNT | UF_ACCOUNTDISABLE))
    domain.set(domain.dn("accexpired"), accountExpires=file_time(time.time() - DAY))
    domain.set(domain.dn("mustchange"), pwdLastSet="0")
    domain.set(domain.dn("hours"), logonHours=bytes(21))  # not one hour of the week
    domain.set(
        domain.dn("pwexpired"), [WRITE_OLD_PASSWORD_TIME], pwdLastSet=file_time(time.time() - 60 * DAY)
    )  # the domain's maximum is 42 days
    sid = domain.db.search(domain.dn("primary-grp"), ldb.SCOPE_BASE, attrs=["objectSid"])[0]["objectSid"][0]
    domain.set(domain.dn("primary"), primaryGroupID=str(int.from_bytes(sid[-4:], "little")))


def main():
    directory, password = Path(sys.argv[1]), sys.argv[2]
    domain = Domain(directory)
    domain.set(
        domain.base,
        minPwdAge="0",
        pwdHistoryLength="0",
        lockoutThreshold="3",
        lockoutDuration=str(MINUTES_30),
        lockOutObservationWindow=str(MINUTES_30),
    )
    domain.db.transaction_start()
    try:
        add_accounts(domain, password)
    except BaseException:
        domain.db.transaction_cancel()
        raise
    domain.db.transaction_commit()
    make_special(domain)
    machine = ldb.Message(ldb.Dn(domain.db, domain.dn("DC1$")))
    names = [f"ldap/{name}" for name in ("dc1.addc.test", "127.0.0.10")]  # what Kerberos asks tickets for
    machine["spn"] = ldb.MessageElement(names, ldb.FLAG_MOD_ADD, "servicePrincipalName")
    domain.db.modify(machine)
    names = [*PLAIN, *SPECIAL, "jose", "comma", *GROUPS]
    (directory / "accounts.json").write_text(json.dumps({name: domain.dn(name) for name in names}))


if __name__ == "__main__":
    main()
