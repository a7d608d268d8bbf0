"""Where each endpoint of the API page is found, copied from it to the letter."""

from collections.abc import Callable
from dataclasses import dataclass

from osfsync.simulator import endpoints
from osfsync.simulator.answers import Answer, Call, Endpoint
from osfsync.simulator.endpoints import Desk


@dataclass(frozen=True, slots=True)
class Route:
    """Where an endpoint is found."""

    endpoint: Endpoint
    method: str
    path: str
    answer: Callable[[Desk, Call], Answer]


ROUTES = (
    Route(Endpoint.AUTHORIZATION, "POST", "/api/noauth/authorization", endpoints.authorization),
    Route(Endpoint.LOGIN, "POST", "/api/auth/login", endpoints.login),
    Route(Endpoint.DEVICES, "GET", "/api/tenants/{tenant_id}/devices", endpoints.devices),
    Route(Endpoint.SERVER_LIST, "GET", "/api/devices/{device_id}/data-files/original", endpoints.server_list),
    Route(Endpoint.CREDENTIALS, "GET", "/api/device/{device_id}/credentials", endpoints.credentials),
    Route(
        Endpoint.FILE_LIST,
        "GET",
        "/API/filelist/list/deviceid/{credentials_id}/StartTime/{start}/{end}",
        endpoints.file_list,
    ),
    Route(Endpoint.REQUEST_LIST, "POST", "/api/devices/{device_id}/request-list", endpoints.request_list),
    Route(
        Endpoint.COMMUNICATION, "GET", "/api/devices/{device_id}/communication/data", endpoints.communication
    ),
    Route(
        Endpoint.TELEMETRY,
        "GET",
        "/api/plugins/telemetry/DEVICE/{device_id}/values/timeseries",
        endpoints.telemetry,
    ),
    Route(
        Endpoint.DOWNLOAD_TOKEN,
        "POST",
        "/api/device/{device_id}/data-files/CLIENT_SCOPE/download",
        endpoints.download_token,
    ),
    Route(
        Endpoint.DOWNLOAD,
        "GET",
        "/api/device/{device_id}/data-files/CLIENT_SCOPE/token/{download_token}",
        endpoints.download,
    ),
)
