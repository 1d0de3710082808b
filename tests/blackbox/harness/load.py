"""Traffic that goes on while something else is tried."""

import threading


class Load:
    """Requests through the proxy, one after the other, until it ends; failures are kept.

    connect   the fixture `client`
    wanted    the status that each of them must get"""

    def __init__(self, connect, proxy, path="/owa/", wanted=200):
        self.connect, self.proxy, self.path, self.wanted = connect, proxy, path, wanted
        self.n_fine, self.failed, self.is_over = 0, [], False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.is_over:
            one = self.connect(self.proxy)
            try:
                status = one.ask(self.path).status
                if status == self.wanted:
                    self.n_fine += 1
                else:
                    self.failed.append(status)
            except (OSError, AssertionError) as problem:
                self.failed.append(problem)
            finally:
                one.close()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *what):
        self.is_over = True
        self.thread.join(60)
        if what[0] is None:
            assert not self.failed and self.n_fine > 0, self.failed[:3]
