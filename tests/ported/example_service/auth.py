"""A provider that logs in by name and password, written as the guide teaches."""

import json
import os
from typing import Any

import httpx

from quackcore_async import AuthResult, BaseAuthProvider


class ExampleServiceAuth(BaseAuthProvider):
    @property
    def name(self) -> str:
        return "ExampleService"

    async def authenticate(self) -> AuthResult:
        credentials = self._load_credentials()
        if credentials and self._validate_token(credentials.get("token")):
            self.authenticated = True
            return AuthResult.success_result(
                token=credentials.get("token"),
                expiry=credentials.get("expiry"),
                message="Using existing credentials",
                credentials_path=self.credentials_file,
            )
        try:
            username = os.environ.get("EXAMPLE_SERVICE_USERNAME", "")
            password = os.environ.get("EXAMPLE_SERVICE_PASSWORD", "")
            if not username or not password:
                return AuthResult.error_result(
                    error="Missing authentication credentials",
                    message="Please set EXAMPLE_SERVICE_USERNAME and EXAMPLE_SERVICE_PASSWORD",
                )
            async with httpx.AsyncClient() as http:
                response = await http.post(
                    os.environ["EXAMPLE_SERVICE_URL"] + "/auth", json={"username": username, "password": password}
                )
            if response.status_code != 200:
                return AuthResult.error_result(
                    error=f"Authentication failed with status {response.status_code}", message=response.text
                )
            auth_data = response.json()
            token = auth_data.get("access_token")
            expiry = auth_data.get("expires_at")
            if not token:
                return AuthResult.error_result(error="No token in authentication response")
            self._save_token_data(token, expiry)
            self.authenticated = True
            return AuthResult.success_result(
                token=token,
                expiry=expiry,
                message="Successfully authenticated",
                credentials_path=self.credentials_file,
            )
        except httpx.HTTPError as e:
            return AuthResult.error_result(error=f"Authentication request failed: {str(e)}")
        except Exception as e:
            return AuthResult.error_result(error=f"Authentication failed: {str(e)}")

    async def refresh_credentials(self) -> AuthResult:
        credentials = self._load_credentials()
        if not credentials or not credentials.get("refresh_token"):
            return AuthResult.error_result(error="No refresh token available")
        try:
            async with httpx.AsyncClient() as http:
                response = await http.post(
                    os.environ["EXAMPLE_SERVICE_URL"] + "/auth/refresh",
                    json={"refresh_token": credentials.get("refresh_token")},
                )
            if response.status_code != 200:
                return AuthResult.error_result(
                    error=f"Token refresh failed with status {response.status_code}", message=response.text
                )
            auth_data = response.json()
            token = auth_data.get("access_token")
            expiry = auth_data.get("expires_at")
            if not token:
                return AuthResult.error_result(error="No token in refresh response")
            self._save_token_data(token, expiry, auth_data.get("refresh_token", credentials.get("refresh_token")))
            return AuthResult.success_result(
                token=token,
                expiry=expiry,
                message="Successfully refreshed token",
                credentials_path=self.credentials_file,
            )
        except httpx.HTTPError as e:
            return AuthResult.error_result(error=f"Refresh request failed: {str(e)}")
        except Exception as e:
            return AuthResult.error_result(error=f"Token refresh failed: {str(e)}")

    async def get_credentials(self) -> object:
        return self._load_credentials() or {}

    async def save_credentials(self) -> bool:
        return True

    def _load_credentials(self) -> dict[str, Any] | None:
        if not self.credentials_file or not os.path.exists(self.credentials_file):
            return None
        try:
            with open(self.credentials_file) as f:
                return json.load(f)
        except (json.JSONDecodeError, OSError) as e:
            self.logger.error(f"Failed to load credentials: {e}")
            return None

    def _save_token_data(self, token: str, expiry: int | None = None, refresh_token: str | None = None) -> bool:
        if not self.credentials_file:
            self.logger.warning("No credentials file specified, cannot save tokens")
            return False
        self._ensure_credentials_directory()
        credentials = {"token": token, "expiry": expiry}
        if refresh_token:
            credentials["refresh_token"] = refresh_token
        try:
            with open(self.credentials_file, "w") as f:
                json.dump(credentials, f)
            return True
        except OSError as e:
            self.logger.error(f"Failed to save credentials: {e}")
            return False

    def _validate_token(self, token: str | None) -> bool:
        if not token:
            return False
        return True
