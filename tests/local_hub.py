"""A Hugging Face hub on this machine: serves a directory as the model owner/tiny, or refuses everything."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = "owner/tiny"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def local_hub(directory: Path | None = None, refusal: tuple[int, str] | None = None) -> Iterator[str]:
    """The endpoint of a hub that runs during the block; `refusal` is the status and error code of every answer."""

    class Hub(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if refusal:
                return self.answer(refusal[0], b"", **{"X-Error-Code": refusal[1]})
            if self.path.startswith(f"/api/models/{REPOSITORY}"):
                siblings = [{"rfilename": path.name} for path in sorted(directory.iterdir())]
                listing = {"id": REPOSITORY, "sha": COMMIT, "siblings": siblings}
                tree = [
                    {"type": "file", "path": path.name, "size": path.stat().st_size, "oid": "0"}
                    for path in directory.iterdir()
                ]
                return self.answer(200, json.dumps(tree if "/tree/" in self.path else listing).encode())
            prefix, name = self.path.rsplit("/", 1)
            if prefix != f"/{REPOSITORY}/resolve/{COMMIT}" or not (directory / name).is_file():
                return self.answer(404, b"", **{"X-Error-Code": "EntryNotFound"})
            headers = {"ETag": f'"{name}"', "X-Repo-Commit": COMMIT}
            return self.answer(200, (directory / name).read_bytes(), **headers)

        do_HEAD = do_GET

        def answer(self, status, content, **headers):
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
