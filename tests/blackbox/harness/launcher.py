"""Starts proxies and judges them at the end."""

from .exchange import Exchange, answer_all
from .proxy import Proxy
from .secrets import scan_for_secrets


class Launcher:
    def __init__(self, binary, ports, folder):
        self.binary = binary
        self.ports = ports
        self.folder = folder
        self.made = []

    def start(self, upstream, *options, schemes=("http",), config=None, env=None, sockets=(),
              descriptors=None, is_expected_to_fail=False):
        """upstream   an Exchange, a URL, or None when the options name it
        options    more options of `stopgap run`
        schemes    one listener for each
        config     text of a config file, passed with -c
        sockets    listening ones that it gets the way of systemd; the first ones are for the listeners
        descriptors   how many files it may have open
        is_expected_to_fail   do not wait until it listens"""
        folder = self.folder / ("proxy-%d" % len(self.made))
        folder.mkdir()
        taken = [sockets[i].getsockname()[1] if i < len(sockets) else self.ports.take() for i in range(len(schemes))]
        url = getattr(upstream, "url", upstream)
        admin_path = str(folder / "admin.sock")
        argv = ["run"]
        if config is not None:
            (folder / "stopgap.yaml").write_text(config)
            argv += ["-c", str(folder / "stopgap.yaml")]
        for scheme, port in zip(schemes, taken):
            argv += ["--listen", "%s://127.0.0.1:%d" % (scheme, port)]
        if url is not None:
            argv += ["--upstream", url]
        argv += ["--admin", "unix:" + admin_path, "--log", str(folder / "access.log")]
        if "--workers" not in options:
            argv += ["--workers", "1"]
        self.made.append(Proxy(self.binary, argv + [str(o) for o in options], taken, folder, admin_path, env, sockets,
                               descriptors))
        if not is_expected_to_fail:
            self.made[-1].wait_ready()
        return self.made[-1]

    def succeed(self, one, *options, **kwargs):
        """Start a program with the command line of `one` that takes over from it."""
        argv = [*one.argv[1:], "--take-over", "unix:" + one.admin_path, *map(str, options)]
        self.made.append(Proxy(self.binary, argv, one.ports, one.folder, one.admin_path, **kwargs))
        return self.made[-1]

    def restart(self, one, **kwargs):
        """The same command line again, after `one` has ended and was sound; it is not waited for."""
        one.stop_and_check()
        self.made[self.made.index(one)] = again = Proxy(one.argv[0], one.argv[1:], one.ports, one.folder, one.admin_path, **kwargs)
        return again

    def finish(self):
        """Stop all; every complaint is raised together after the last one has stopped."""
        failures = []
        for one in self.made:
            for check in (Proxy.stop_and_check, scan_for_secrets):
                try:
                    check(one)
                except AssertionError as failure:
                    failures.append(str(failure))
        self.made = []
        assert not failures, "\n".join(failures)


class Pair:
    """A proxy with default options and its upstream, lent from test to test."""

    def __init__(self, launcher, *options, schemes=("http",), tls=None):
        """tls  the upstream's ssl.SSLContext, or None"""
        self.launcher = launcher
        self.options = options
        self.schemes = schemes
        self.exchange = Exchange(tls=tls)
        self.proxy = None

    def lend(self):
        """As new: no requests remembered, default script, a running proxy."""
        self.exchange.script = answer_all
        self.exchange.forget()
        self.exchange.failures = []
        if self.proxy is None or not self.proxy.is_running():
            # It lives long enough to ask its upstream for its build, which no test wants to see.
            self.proxy = self.launcher.start(self.exchange, *self.options, schemes=self.schemes,
                                             config="mitigations: {ask: false}\n")
        return self

    def check(self):
        """After a test: it must not have brought the proxy down."""
        assert self.proxy.is_running(), "ended with status %s: %s" % (self.proxy.process.returncode, self.proxy.describe())
        self.exchange.check()
