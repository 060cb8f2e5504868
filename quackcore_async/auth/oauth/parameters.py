"""Names that OAuth 2.0 gives to parameters, grants and errors."""

from typing import Final

__all__ = [
    "AUTHORIZATION_CODE",
    "CLIENT_ASSERTION_TYPE_JWT",
    "CLIENT_CREDENTIALS",
    "CODE_CHALLENGE_METHOD",
    "DEVICE_CODE",
    "ERROR_NAME",
    "REFRESH_TOKEN",
    "RESERVED_PARAMETERS",
]

AUTHORIZATION_CODE: Final = "authorization_code"
"""Grant type: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3."""

CLIENT_CREDENTIALS: Final = "client_credentials"
"""Grant type: https://www.rfc-editor.org/rfc/rfc6749#section-4.4.2."""

REFRESH_TOKEN: Final = "refresh_token"  # noqa: S105 - the name of a grant
"""Grant type: https://www.rfc-editor.org/rfc/rfc6749#section-6."""

DEVICE_CODE: Final = "urn:ietf:params:oauth:grant-type:device_code"
"""Grant type: https://www.rfc-editor.org/rfc/rfc8628#section-3.4."""

CLIENT_ASSERTION_TYPE_JWT: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""Value of `client_assertion_type`: https://www.rfc-editor.org/rfc/rfc7523#section-2.2."""

CODE_CHALLENGE_METHOD: Final = "S256"
"""The only method that is used, whatever a server lists: https://www.rfc-editor.org/rfc/rfc7636#section-4.2."""

ERROR_NAME: Final = r"[A-Za-z0-9_.-]{1,64}"
"""What an error's name is shown as. The set of https://www.rfc-editor.org/rfc/rfc6749#appendix-A.7 is wider, and
takes in markup."""

RESERVED_PARAMETERS: Final = frozenset(
    {
        "client_assertion",
        "client_assertion_type",
        "client_id",
        "client_secret",
        "code",
        "code_challenge",
        "code_challenge_method",
        "code_verifier",
        "device_code",
        "grant_type",
        "password",
        "redirect_uri",
        "refresh_token",
        "request",
        "request_uri",
        "response_mode",
        "response_type",
        "scope",
        "state",
        "token",
        "username",
    }
)
"""Parameters that the flow sets by itself, so that nobody overrides them by accident."""
