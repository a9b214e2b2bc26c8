"""A bind with a SASL mechanism (RFC 4513 5.2): as many rounds as it takes, then the security layer."""

from __future__ import annotations

from authproxy.ldap import messages, requests
from authproxy.ldap.client import ConnectionFailed, LdapConnection
from authproxy.ldap.requests import SaslBind
from authproxy.ldap.responses import Code
from authproxy.ldap.sasl import LogonRefused, Mechanism, SaslError, SecurityLayer
from authproxy.ldap.session import Answer

_MAX_ROUNDS = 8


async def sasl_bind(connection: LdapConnection, mechanism: Mechanism) -> Answer:
    """The server's last word. When it is success, everything that follows on the connection is sealed. Raises
    ConnectionFailed, also when the mechanism can't protect it; the connection is dropped then."""
    try:
        return await _exchange(connection, mechanism)
    except LogonRefused as refused:
        return Answer(refused.result, [])
    except SaslError as error:
        connection.abort(str(error))
        raise ConnectionFailed(str(error)) from error


async def _exchange(connection: LdapConnection, mechanism: Mechanism) -> Answer:
    token = await mechanism.step(None)
    for _ in range(_MAX_ROUNDS):
        bind = requests.encode(SaslBind(b"", mechanism.name, token))
        answer = await connection.ask(bind, messages.BIND_RESPONSE)
        result = answer.result
        if result.code == Code.SASL_BIND_IN_PROGRESS:
            token = await mechanism.step(result.value)
            continue
        if result.code == Code.SUCCESS:
            await mechanism.finish(result.value)
            seal = mechanism.seal()
            if seal is not None:
                connection.protect(SecurityLayer(seal))
        return answer
    raise SaslError(f"the bind did not end in {_MAX_ROUNDS} rounds")
