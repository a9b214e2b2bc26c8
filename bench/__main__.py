"""All benches, and one table at the end: ``make bench``."""

from __future__ import annotations

from bench import auth_api, ldap_front, login, panel, peap, pending_push, phones, startup, sync


def main() -> None:
    print("time to ready", flush=True)
    ready = startup.run()
    print("logins: rounds of radclient -p 64, then one round that times each answer", flush=True)
    scores = login.run(users=10_000, rounds=3, parallel=64)
    print("logins that wait for a push", flush=True)
    waits = pending_push.run()
    print("PEAP logins relayed to an upstream server", flush=True)
    relayed = peap.run()
    print("the Auth API", flush=True)
    calls = auth_api.run()
    print("the LDAP front door", flush=True)
    front = ldap_front.run()
    print("phones", flush=True)
    answers = phones.run()
    print("users from a directory", flush=True)
    syncs = sync.run()
    print("the Admin Panel", flush=True)
    shown, exports = panel.run()
    tables = (login.table(scores), startup.table(ready), pending_push.table(waits), peap.table(relayed))
    more = (auth_api.table(calls), ldap_front.table(front), phones.table(answers), panel.table(shown, exports))
    print("\n" + "\n".join((*tables, *more, sync.table(syncs))))


if __name__ == "__main__":
    main()
