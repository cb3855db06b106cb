"""Google Cloud Storage in memory, for tests of what is kept in gs://.

Speaks as much of its XML API as object stores' clients use: lists, whole and
ranged reads, writes that may demand that there is no such object, uploads in
parts, copies and deletes.
"""

import contextlib
import email.utils
import http.server
import itertools
import json
import threading
import urllib.parse
from xml.sax.saxutils import escape

_MANY = 1000  # Names of an answer.


@contextlib.contextmanager
def fake_bucket(monkeypatch):
    """Serves buckets; gives dict of "bucket/name" -> bytes.

    Lance is told by the environment.
    """
    objects = {}
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0),
        type("Handler", (_Handler,), {"objects": objects, "uploads": {}}),
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    key = {
        "gcs_base_url": f"http://127.0.0.1:{server.server_port}",
        "disable_oauth": True,
        "client_email": "",
        "private_key": "",
        "private_key_id": "",
    }
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", json.dumps(key))
    monkeypatch.setenv("ALLOW_HTTP", "true")
    try:
        yield objects
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lock = threading.Lock()
    numbers = itertools.count()

    def _asked(self):
        """(name of the object or bucket, dict of the query)."""
        parts = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(parts.query, keep_blank_values=True)
        name = urllib.parse.unquote(parts.path.lstrip("/"))
        return name, {key: values[0] for key, values in query.items()}

    def _answer(self, status, body=b"", **headers):
        self.send_response(status)
        headers.setdefault("Content-Length", str(len(body)))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_GET(self):
        name, query = self._asked()
        with self.lock:
            if "list-type" in query:
                return self._list(name, query)
            data = self.objects.get(name)
        if data is None:
            return self._answer(404)
        facts = {
            "ETag": f'"{hash(data)}"',
            "Last_Modified": email.utils.formatdate(0, usegmt=True),
            "x_goog_generation": "1",
        }
        wanted = self.headers.get("Range")
        if self.command == "HEAD":
            return self._answer(200, data, **facts)
        if not wanted:
            return self._answer(200, data, **facts)
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start = int(first) if first else max(0, len(data) - int(last))
        end = min(int(last) + 1 if first and last else len(data), len(data))
        facts["Content_Range"] = f"bytes {start}-{end - 1}/{len(data)}"
        return self._answer(206, data[start:end], **facts)

    do_HEAD = do_GET

    def do_PUT(self):
        name, query = self._asked()
        data = self._body()
        with self.lock:
            if "uploadId" in query:
                part = int(query["partNumber"])
                self.uploads[query["uploadId"]][part] = data
                return self._answer(200, ETag=f'"{part}"')
            if source := self.headers.get("x-goog-copy-source"):
                data = self.objects[urllib.parse.unquote(source.lstrip("/"))]
            new = self.headers.get("x-goog-if-generation-match") == "0"
            if new and name in self.objects:
                return self._answer(412)
            self.objects[name] = data
        return self._answer(200, ETag='"1"', x_goog_generation="1")

    def do_POST(self):
        name, query = self._asked()
        self._body()
        with self.lock:
            if "uploads" in query:
                number = str(next(self.numbers))
                self.uploads[number] = {}
                text = (
                    "<InitiateMultipartUploadResult>"
                    f"<UploadId>{number}</UploadId>"
                    "</InitiateMultipartUploadResult>"
                )
                return self._answer(200, text.encode())
            parts = self.uploads.pop(query["uploadId"])
            self.objects[name] = b"".join(parts[i] for i in sorted(parts))
        text = (
            "<CompleteMultipartUploadResult><ETag>1</ETag>"
            "</CompleteMultipartUploadResult>"
        )
        return self._answer(200, text.encode(), x_goog_generation="1")

    def do_DELETE(self):
        with self.lock:
            found = self.objects.pop(self._asked()[0], None)
        self._answer(404 if found is None else 204)

    def _list(self, bucket, query):
        prefix = f"{bucket}/{query.get('prefix', '')}"
        cut = query.get("delimiter")
        names, folders = [], set()
        for name in sorted(self.objects):
            rest = name[len(prefix) :]
            if not name.startswith(prefix):
                continue
            if cut and cut in rest:
                folders.add(prefix + rest.split(cut)[0] + cut)
            else:
                names.append(name)
        start = int(query.get("continuation-token") or 0)
        some = names[start : start + _MANY]
        more = start + len(some) < len(names)
        begin = len(bucket) + 1
        text = "".join(
            f"<Contents><Key>{escape(name[begin:])}</Key>"
            f"<LastModified>1970-01-01T00:00:00.000Z</LastModified>"
            f'<ETag>"1"</ETag><Size>{len(self.objects[name])}</Size>'
            "</Contents>"
            for name in some
        ) + "".join(
            f"<CommonPrefixes><Prefix>{escape(name[begin:])}</Prefix>"
            "</CommonPrefixes>"
            for name in sorted(folders)
        )
        if more:
            token = start + len(some)
            text += f"<NextContinuationToken>{token}</NextContinuationToken>"
        text = (
            f"<ListBucketResult><IsTruncated>{str(more).lower()}"
            f"</IsTruncated>{text}</ListBucketResult>"
        )
        self._answer(200, text.encode(), Content_Type="application/xml")

    def log_message(self, *_):
        pass
