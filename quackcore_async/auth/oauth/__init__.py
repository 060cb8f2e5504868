"""OAuth 2.0: logins by browser, by another device and by the client's own right."""

from quackcore_async.auth.oauth.authorization import AuthorizationRequest, CallbackRefusedError
from quackcore_async.auth.oauth.device import DeviceAuthorization
from quackcore_async.auth.oauth.provider import OAuthProvider

__all__ = ["AuthorizationRequest", "CallbackRefusedError", "DeviceAuthorization", "OAuthProvider"]
