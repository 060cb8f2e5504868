"""The fault proxy: forwards HTTP/1.1 to a server, and does to each request what a plan says."""

from collections import Counter, deque
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import anyio
import anyio.abc

from quackcore_async.testing.faults.exchange import Exchange, Fault, Handled, Sleep
from quackcore_async.testing.faults.plans import FaultPlan, Script
from quackcore_async.testing.faults.requests import ProxiedRequest, dice
from quackcore_async.testing.faults.upstream import Upstream, address_of
from quackcore_async.testing.faults.wire import Gone, NotHttp, Wire, body_of_request

__all__ = ["FaultProxy"]


class FaultProxy:
    """Stands between a client and its server, and lets things go wrong.

    In a thread of its own, for any test:

        plan = Script(Rule(SlowDown(), operation="PutObject", times=2))
        with FaultProxy("http://127.0.0.1:8333", plan) as proxy:
            ...                         # talk to proxy.url
        assert [handled.status for handled in proxy.record] == [503, 503, 200]

    On the event loop of the test, which is faster where there are many requests:

        proxy = FaultProxy(url, Drawn(menu=[Reset(), ServerError()], rate=0.05, seed=7))
        async with anyio.create_task_group() as group:
            await group.start(proxy.serve)
            ...
            group.cancel_scope.cancel()

    Requests and answers pass through as they are, `Host` included, so that a signature made for `proxy.url` holds
    where the server takes the host that it is asked for. Bodies are not held in memory, except by faults that
    change them. HTTP/1.1 without TLS and without upgrades.

    Args:
        upstream: `http://host:port` of the server.
        plan: Which faults a request gets; None lets everything through. It can be replaced at any time.
        keep: Requests that are kept in `record`; None keeps all.
        sleep: Waits so many seconds: to be replaced where a test must not wait.
        backend: What runs it in a thread of its own: `asyncio` or `trio`.

    Attributes:
        plan: As above.
        record: The requests as they came in, and what was done to them.
        total: How many requests there were.
        faulted: How many of them got a fault.
        by_fault: How often each kind of fault was applied, by the name of its class.
        by_operation: How many requests there were of each S3 operation.
    """

    def __init__(
        self,
        upstream: str,
        plan: FaultPlan | None = None,
        *,
        keep: int | None = None,
        sleep: Sleep = anyio.sleep,
        backend: str = "asyncio",
    ) -> None:
        self.plan: FaultPlan = plan if plan is not None else Script()
        self.record: deque[Handled] = deque(maxlen=keep)
        self.total = 0
        self.faulted = 0
        self.by_fault: Counter[str] = Counter()
        self.by_operation: Counter[str] = Counter()
        self._upstream = upstream
        self._address = address_of(upstream)
        self._sleep = sleep
        self._backend = backend
        self._kept: dict[Any, Any] = {}
        self._attempts: Counter[int] = Counter()
        self._port: int | None = None
        self._running = ExitStack()

    def __repr__(self) -> str:
        return f"FaultProxy({self._upstream!r}, {self.plan!r})"

    @property
    def port(self) -> int:
        """Port on 127.0.0.1 at which it listens.

        Raises:
            RuntimeError: if it is not running.
        """
        if self._port is None:
            raise RuntimeError("the proxy is not running: enter it, or start its `serve` in a task group")
        return self._port

    @property
    def url(self) -> str:
        """Address at which it listens, for clients."""
        return f"http://127.0.0.1:{self.port}"

    def requests(self, when: Callable[[ProxiedRequest], bool] | None = None) -> list[ProxiedRequest]:
        """Return the requests of the record, or those of them that meet a condition."""
        return [handled.request for handled in self.record if when is None or when(handled.request)]

    def forget(self) -> None:
        """Forget what was seen so far: the record, the counts, and how often each request was tried."""
        self.record.clear()
        self.total = self.faulted = 0
        for counts in (self.by_fault, self.by_operation, self._attempts):
            counts.clear()

    async def serve(self, *, task_status: anyio.abc.TaskStatus[str] = anyio.TASK_STATUS_IGNORED) -> None:
        """Run until cancelled; `task_status` is told the address when it listens."""
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        try:
            self._port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610 - no SQL
            task_status.started(self.url)
            await listener.serve(self._talk)
        finally:
            self._port = None
            with anyio.CancelScope(shield=True):  # a cancellation here would take the place of what went wrong
                await listener.aclose()

    def __enter__(self) -> Self:
        from anyio.from_thread import start_blocking_portal

        with ExitStack() as stack:
            portal = stack.enter_context(start_blocking_portal(self._backend))
            serving, _ = portal.start_task(self.serve)
            stack.callback(serving.cancel)
            self._running = stack.pop_all()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._running.close()

    async def _talk(self, stream: anyio.abc.SocketStream) -> None:
        """Serve the requests of one connection."""
        client, upstream = Wire(stream, "client"), Upstream(*self._address)
        try:
            while await self._handle(client, upstream):
                pass
        except (Gone, NotHttp, OSError):
            pass  # the client sees its connection close, as it would without a proxy
        finally:
            with anyio.CancelScope(shield=True):
                await upstream.aclose()
                await client.aclose()

    async def _handle(self, client: Wire, upstream: Upstream) -> bool:
        """Serve one request; return whether another one may follow."""
        head = await client.read_head()
        if head is None:
            return False
        method, _, rest = head.start.partition(" ")
        request = self._identified(
            ProxiedRequest(method, rest.rpartition(" ")[0], dict(head.fields), self.total + 1)
        )
        handled = self._noted(request)
        exchange = Exchange(
            request,
            handled,
            dice(self.plan.seed, request),
            self._kept,
            self._sleep,
            head,
            body_of_request(client, head),
            client,
            upstream,
        )
        for fault in handled.faults:
            await fault.apply(exchange)
            if exchange.done:
                break
        if not exchange.done:
            await exchange.relay()
        return exchange.keep_alive

    def _identified(self, request: ProxiedRequest) -> ProxiedRequest:
        identity = hash(request.identity)
        self._attempts[identity] += 1
        return ProxiedRequest(
            request.method, request.target, request.headers, request.number, self._attempts[identity]
        )

    def _noted(self, request: ProxiedRequest) -> Handled:
        faults: tuple[Fault, ...] = tuple(self.plan.faults_for(request))
        handled = Handled(request, faults)
        self.record.append(handled)
        self.total += 1
        self.by_operation[request.operation or request.method] += 1
        self.faulted += bool(faults)
        self.by_fault.update(type(fault).__name__ for fault in faults)
        return handled
