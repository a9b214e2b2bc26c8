"""No primary authentication (``[duo_only_client]``): the appliance has checked the password itself."""

from __future__ import annotations

from authproxy.model import AuthRequest, Identity


class AppliancePrimary:
    """Takes the appliance's word for everybody.

    The one Primary whose answer does not depend on the password: what comes here is often empty, as the field
    held nothing but a passcode. So the rule that an empty password is Denied does not apply.
    """

    async def check(self, request: AuthRequest, password: bytes) -> Identity:
        return Identity(request.username)
