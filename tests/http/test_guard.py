import json
import logging
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import httptools
import pytest

from registry.guard import Limits, _reason, guard
from tests.http.raw import Answer, Client, Echo, get, post, resident_bytes, running, wait_for

LIMITS = Limits(
    head_seconds=0.6,
    head_bytes=8192,
    head_lines=20,
    target_bytes=512,
    idle_seconds=1,
    body_rate=1000,
    body_seconds=0.6,
    answer_seconds=0.6,
    linger_seconds=0.6,
    look_seconds=0.05,
)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[int, Echo]]:
    app = Echo()
    with running(app, LIMITS) as port:
        yield port, app


@pytest.fixture
def app(served: tuple[int, Echo]) -> Echo:
    served[1].__init__()  # type: ignore[misc]  # as if it were new
    return served[1]


@pytest.fixture
def client(served: tuple[int, Echo], app: Echo) -> Iterator[Client]:
    with Client(served[0]) as client:
        yield client


def refusal(client: Client, status: int) -> None:
    """Read one answer of the guard, and the end of the connection behind it."""
    answer = client.answer()
    assert (answer.status, client.rest()) == (status, b"")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["connection"] == "close"
    assert "date" in answer.headers
    [error] = answer.json()["errors"]
    assert set(error) == {"code", "message", "detail"}
    assert error["message"]


def fine(client: Client, data: bytes) -> Answer:
    client.send(data)
    answer = client.answer()
    assert answer.status == 200
    return answer


# Heads that take too long


def test_connection_that_never_says_anything_is_closed_without_a_word(client: Client) -> None:
    assert client.rest() == b""


def test_half_a_head_is_answered_408(client: Client, app: Echo) -> None:
    client.send(b"GET /never HTTP/1.1\r\nHost: co")
    refusal(client, 408)
    assert app.paths == []


def test_bytes_that_drip_in_do_not_buy_a_head_more_time(client: Client) -> None:
    stop = threading.Event()

    def drip() -> None:
        client.send(b"GET /never HTTP/1.1\r\nHost: cove\r\nX: ")
        while not stop.wait(0.05):
            client.send_until_refused(b"x", 1)

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        refusal(client, 408)
    finally:
        stop.set()
        thread.join()


def test_idle_connection_is_closed_after_a_while_without_a_word(client: Client) -> None:
    fine(client, get("/"))
    assert client.rest() == b""


def test_half_a_second_head_is_answered_408_too(client: Client) -> None:
    fine(client, get("/"))
    client.send(b"GET /never")
    refusal(client, 408)


def test_connection_that_is_used_stays_open(client: Client) -> None:
    for _ in range(4):
        fine(client, get("/"))
        fine(client, post("/", "Content-Length: 3") + b"abc")


@pytest.mark.slow
def test_time_of_a_first_answer_is_not_counted_against_a_long_second_request(client: Client, app: Echo) -> None:
    app.seconds = LIMITS.idle_seconds + 0.1
    client.send(get("/") + b"POST /pause HTTP/1.1\r\n")
    assert client.answer().json()["path"] == "/"
    client.send(b"Host: cove\r\nContent-Length: 3\r\n\r\nabc")
    assert client.answer().json()["length"] == 3


# Heads that are too large


def sized_head(size: int) -> bytes:
    head = get("/", "X: ")
    return head.replace(b"X: ", b"X: " + b"x" * (size - len(head)))


def test_head_of_exactly_the_limit_passes(client: Client) -> None:
    fine(client, sized_head(LIMITS.head_bytes))


def test_head_of_a_byte_more_is_answered_431_even_when_it_comes_whole(client: Client, app: Echo) -> None:
    client.send(sized_head(LIMITS.head_bytes + 1))
    refusal(client, 431)
    assert app.paths == []


def test_head_larger_than_the_limit_is_answered_431_when_it_comes_in_pieces(client: Client) -> None:
    client.send(b"GET / HTTP/1.1\r\nHost: cove\r\n")
    client.send_until_refused(b"X-Y: " + b"z" * 500 + b"\r\n", 40)
    refusal(client, 431)


def test_large_head_behind_a_body_is_answered_431(client: Client) -> None:
    fine(client, post("/", "Content-Length: 20000") + b"x" * 20000)
    client.send(sized_head(LIMITS.head_bytes * 3))
    refusal(client, 431)


def test_too_many_header_fields_are_answered_431(client: Client) -> None:
    client.send(get("/", *["A: b"] * LIMITS.head_lines))
    refusal(client, 431)


def test_as_many_header_fields_as_allowed_pass(client: Client) -> None:
    fine(client, get("/", *["A: b"] * (LIMITS.head_lines - 1)))


def test_long_target_is_answered_414(client: Client) -> None:
    client.send(get("/" + "x" * LIMITS.target_bytes))
    refusal(client, 414)


def test_long_target_is_answered_414_before_it_ends(client: Client) -> None:
    client.send(b"GET /" + b"x" * LIMITS.target_bytes)
    refusal(client, 414)


def test_target_as_long_as_allowed_passes(client: Client) -> None:
    fine(client, get("/" + "x" * (LIMITS.target_bytes - 1)))


def test_endless_trailers_are_answered_with_431(client: Client, app: Echo) -> None:
    client.send(post("/", "Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n")
    client.send_until_refused(b"X: " + b"z" * 500 + b"\r\n", 40)
    refusal(client, 431)
    assert wait_for(app.gone)


def test_endless_chunk_extension_is_answered_with_431(client: Client) -> None:
    client.send(post("/", "Transfer-Encoding: chunked") + b"3;x=")
    client.send_until_refused(b"z" * 500, 40)
    refusal(client, 431)


def test_memory_stays_flat_under_heads_and_trailers_of_100_mb() -> None:
    with subprocess.Popen([sys.executable, "-m", "tests.http.raw"], stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout
            port = int(server.stdout.readline())
            with Client(port) as client:
                fine(client, get("/"))
            before = resident_bytes(server.pid)
            for start in (b"GET / HTTP/1.1\r\nX: ", post("/", "Transfer-Encoding: chunked") + b"1\r\na\r\n0\r\nX: "):
                with Client(port) as client:
                    client.send(start)
                    client.send_until_refused(b"x" * (1 << 20), 100)
            assert resident_bytes(server.pid) - before < 10 << 20
        finally:
            server.kill()


# Heads that can be read in two ways

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: cove\r\n\r\n"
UNSOUND = {
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": get("/", "Host: cove"),
    "two Hosts in HTTP/1.0": b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
    "empty Host": b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
    "Host with a path": b"GET / HTTP/1.1\r\nHost: cove/api?x=\r\n\r\n",
    "Host with a user": b"GET / HTTP/1.1\r\nHost: a@cove\r\n\r\n",
    "Host with a blank": b"GET / HTTP/1.1\r\nHost: co ve\r\n\r\n",
    "Host with a high byte": b"GET / HTTP/1.1\r\nHost: c\xc3\xb6ve\r\n\r\n",
    "Host with a list": b"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n",
    "Host with a long port": b"GET / HTTP/1.1\r\nHost: a:123456\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: cove\r\n\r\n",
    "HTTP/2": b"GET / HTTP/2.0\r\nHost: cove\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "unknown method": b"FETCH / HTTP/1.1\r\nHost: cove\r\n\r\n",
    "CONNECT": b"CONNECT cove:443 HTTP/1.1\r\nHost: cove\r\n\r\n",
    "target without a slash": b"GET x HTTP/1.1\r\nHost: cove\r\n\r\n",
    "target star": b"OPTIONS * HTTP/1.1\r\nHost: cove\r\n\r\n",
    "target of another scheme": b"GET ftp://cove/ HTTP/1.1\r\nHost: cove\r\n\r\n",
    "target with a high byte": b"GET /\xc3\xa9 HTTP/1.1\r\nHost: cove\r\n\r\n",
    "target with a blank": b"GET /a b HTTP/1.1\r\nHost: cove\r\n\r\n",
    "length and chunked": post("/", "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "chunked and length": post("/", "Transfer-Encoding: chunked", "Content-Length: 5") + b"0\r\n\r\n",
    "two lengths": post("/", "Content-Length: 0", "Content-Length: 5"),
    "the same length twice": post("/", "Content-Length: 0", "Content-Length: 0"),
    "list of lengths": post("/", "Content-Length: 0, 0"),
    "length with a sign": post("/", "Content-Length: +0"),
    "length in hex": post("/", "Content-Length: 0x0"),
    "length with an underscore": post("/", "Content-Length: 1_0"),
    "length beyond 64 bits": post("/", "Content-Length: 18446744073709551616"),
    "negative length": post("/", "Content-Length: -1"),
    "empty length": post("/", "Content-Length:"),
    "blank before the colon": post("/", "Content-Length : 0"),
    "chunked in HTTP/1.0": b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "gzip, chunked": post("/", "Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
    "chunked, identity": post("/", "Transfer-Encoding: chunked, identity") + b"0\r\n\r\n",
    "identity": post("/", "Transfer-Encoding: identity"),
    "xchunked": post("/", "Transfer-Encoding: xchunked") + b"0\r\n\r\n",
    "chunked twice": post("/", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "gzip, then chunked": post("/", "Transfer-Encoding: gzip", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "chunked behind a tab": post("/", "Transfer-Encoding:\x0bchunked") + b"0\r\n\r\n",
    "folded field": post("/", "X: a", " b"),
    "folded coding": post("/", "Transfer-Encoding:", " chunked") + b"0\r\n\r\n",
    "bare LF in a field": b"GET / HTTP/1.1\r\nHost: cove\nX: y\r\n\r\n",
    "bare LF throughout": b"GET / HTTP/1.1\nHost: cove\n\n",
    "bare CR in a value": b"GET / HTTP/1.1\r\nHost: cove\r\nX: a\rY: b\r\n\r\n",
    "NUL in a value": b"GET / HTTP/1.1\r\nHost: cove\r\nX: a\x00b\r\n\r\n",
    "NUL in a name": b"GET / HTTP/1.1\r\nHost: cove\r\nX\x00: a\r\n\r\n",
    "upgrade with a body": post("/", "Upgrade: h2c", "Connection: Upgrade", f"Content-Length: {len(SMUGGLED)}"),
    "upgrade with chunks": post("/", "Upgrade: x", "Connection: Upgrade", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
}
BAD_BODIES = {
    "size with a sign": b"+1\r\na\r\n",
    "size in prefix notation": b"0x1\r\na\r\n",
    "size with a blank": b" 1\r\na\r\n",
    "negative size": b"-1\r\na\r\n",
    "size beyond 64 bits": b"10000000000000001\r\na\r\n",
    "bare LF behind the size": b"1\na\r\n",
    "no line end behind the data": b"1\r\naXX",
    "data longer than its size": b"1\r\nabc\r\n",
    "bare LF in the extension": b"1;x\na\r\n",
    "bare LF behind the last chunk": b"0\n\n",
}


@pytest.mark.parametrize("request_", UNSOUND.values(), ids=UNSOUND)
def test_ambiguous_head_is_answered_400_and_nothing_behind_it_is_read(
    request_: bytes, client: Client, app: Echo
) -> None:
    client.send(request_ + SMUGGLED)
    refusal(client, 400)
    assert app.paths == []


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
def test_malformed_chunk_is_answered_400_and_the_application_told(body: bytes, client: Client, app: Echo) -> None:
    client.send(post("/", "Transfer-Encoding: chunked") + b"3\r\nabc\r\n")
    assert wait_for(app.begun)
    client.send(body + SMUGGLED)
    refusal(client, 400)
    assert wait_for(app.gone)
    assert app.paths == ["/"]


@pytest.mark.parametrize(
    "host", ["cove", "cove.example.com:5000", "a_b-c.d", "10.0.0.1", "[::1]", "[::1]:5000", "cove:"]
)
def test_host_may_be_a_name_or_an_address_with_a_port(host: str, client: Client) -> None:
    fine(client, f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())


def test_http_1_0_may_leave_the_host_out(client: Client) -> None:
    fine(client, b"GET / HTTP/1.0\r\n\r\n")
    assert client.rest() == b""


@pytest.mark.parametrize(
    ("target", "path"),
    [("http://cove/a?b", "/a"), ("HTTPS://cove:443/a", "/a"), ("http://cove", "/"), ("//a/b", "//a/b")],
)
def test_absolute_target_means_its_path(target: str, path: str, client: Client) -> None:
    assert fine(client, get(target)).json()["path"] == path


def test_coding_is_compared_without_case(client: Client) -> None:
    assert fine(client, post("/", "Transfer-Encoding: Chunked") + b"3\r\nabc\r\n0\r\n\r\n").json()["length"] == 3


def test_trailers_do_not_become_headers(client: Client) -> None:
    request = post("/", "Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\nAuthorization: Basic eDp5\r\n\r\n"
    answer = fine(client, request).json()
    assert "authorization" not in dict(answer["headers"])


def test_blank_lines_before_a_request_are_skipped(client: Client) -> None:
    fine(client, b"\r\n\r\n" + get("/"))


@pytest.mark.parametrize("hello", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x80\x2e\x01\x00\x02"])
def test_tls_on_the_plain_port_gets_http_back_and_leaves_no_trace_in_the_log(
    hello: bytes, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client.send(hello)
    refusal(client, 400)
    assert caplog.messages == []


def test_upgrade_is_ignored_and_nothing_behind_the_request_is_read(client: Client, app: Echo) -> None:
    client.send(get("/", "Upgrade: websocket", "Connection: Upgrade"))
    assert client.answer().headers["connection"] == "close"
    client.send_until_refused(SMUGGLED, 1)
    assert client.rest() == b""
    assert app.paths == ["/"]


# Several requests at once


def test_requests_sent_ahead_are_answered_in_order(client: Client) -> None:
    paths = [f"/{number}" for number in range(20)]
    client.send(b"".join(post(path, "Content-Length: 3") + b"abc" for path in paths))
    assert [client.answer().json()["path"] for _ in paths] == paths


@pytest.mark.parametrize(
    "fault", [b"\x00nonsense\r\n\r\n", b"GET /2 HTTP/1.1\r\nHo", post("/2", "Transfer-Encoding: chunked") + b"x\r\n"]
)
def test_fault_in_a_later_request_leaves_the_answer_to_the_earlier_whole(
    fault: bytes, client: Client, app: Echo
) -> None:
    app.seconds = LIMITS.head_seconds + 0.1
    client.send(get("/hold") + fault)
    assert client.answer().json()["path"] == "/hold"
    assert client.rest() == b""
    assert app.paths == ["/hold"]


def test_client_that_leaves_behind_two_requests_stops_the_first_answer(client: Client, app: Echo) -> None:
    client.send(get("/stream/1000") + get("/2"))
    client.read()
    client.sock.close()
    assert wait_for(app.gone)
    assert app.paths == ["/stream/1000"]


def test_close_means_that_the_next_request_is_not_read(client: Client, app: Echo) -> None:
    client.send(get("/", "Connection: close") + post("/2", "Content-Length: 5") + b"ab")
    assert client.answer().status == 200
    assert client.rest() == b""


# Bodies


def test_body_that_hardly_comes_is_answered_408_and_the_application_keeps_what_came(client: Client, app: Echo) -> None:
    client.send(post("/", "Content-Length: 1000000") + b"x" * 500)
    refusal(client, 408)
    assert wait_for(app.gone)
    assert app.disconnected_after == [500]


@pytest.mark.slow
def test_body_that_stops_coming_after_a_good_start_is_ended_too(client: Client, app: Echo) -> None:
    client.send(post("/", "Content-Length: 1000000") + b"x" * 500_000)
    refusal(client, 408)
    assert wait_for(app.gone)
    assert app.disconnected_after == [500_000]


def test_body_of_chunk_headers_without_data_does_not_count_as_progress(client: Client, app: Echo) -> None:
    client.send(post("/", "Transfer-Encoding: chunked"))
    for _ in range(10):
        client.send(b"1;" + b"x" * 500 + b"\r\nx\r\n")
    refusal(client, 408)
    assert wait_for(app.gone)


def test_body_that_hardly_comes_ends_an_answer_that_has_begun(client: Client, app: Echo) -> None:
    client.send(post("/begin", "Content-Length: 1000000") + b"x")
    data = client.rest()
    assert data.startswith(b"HTTP/1.1 200")
    assert data.count(b"HTTP/1.1") == 1
    assert wait_for(app.gone)


@pytest.mark.slow
def test_body_that_comes_slowly_but_steadily_is_read_to_its_end(client: Client) -> None:
    client.send(post("/", "Content-Length: 6000"))
    pause = threading.Event()
    for _ in range(12):
        client.send(b"x" * 500)
        pause.wait(0.1)
    assert client.answer().json()["length"] == 6000


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/pause", "/sip"])
def test_application_that_reads_slowly_is_not_held_against_the_client(path: str, client: Client, app: Echo) -> None:
    app.seconds = LIMITS.body_seconds * 2.5 if path == "/pause" else 0.2
    client.send(post(path, "Content-Length: 500000") + b"x" * 500_000)
    assert client.answer().json()["length"] == 500_000


def test_continue_is_said_once_the_application_reads(client: Client, app: Echo) -> None:
    client.send(post("/", "Content-Length: 3", "Expect: 100-continue"))
    assert client.answer().status == 100
    client.send(b"abc")
    assert client.answer().json()["length"] == 3


@pytest.mark.slow
def test_client_that_waits_to_be_told_to_continue_is_not_slow(client: Client, app: Echo) -> None:
    app.seconds = LIMITS.body_seconds * 2.5
    client.send(post("/pause", "Content-Length: 3", "Expect: 100-continue"))
    assert client.answer().status == 100
    client.send(b"abc")
    assert client.answer().json()["length"] == 3


def test_fault_before_the_application_reads_says_no_continue(client: Client, app: Echo) -> None:
    app.seconds = 0.1
    client.send(post("/pause", "Transfer-Encoding: chunked", "Expect: 100-continue") + b"x\r\n")
    refusal(client, 400)
    assert wait_for(app.gone)


def test_client_that_never_continues_is_ended_without_a_second_continue(client: Client, app: Echo) -> None:
    client.send(post("/", "Content-Length: 3", "Expect: 100-continue"))
    assert client.answer().status == 100
    refusal(client, 408)
    assert wait_for(app.gone)


def test_large_body_is_delivered_whole(client: Client) -> None:
    size = 64 << 20
    client.send(post("/", f"Content-Length: {size}") + b"x" * size)
    assert client.answer().json()["length"] == size


def test_body_in_chunks_of_a_byte_is_delivered_whole(client: Client) -> None:
    client.send(post("/", "Transfer-Encoding: chunked") + b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n")
    assert client.answer().json()["length"] == 50_000


@pytest.mark.parametrize("fields", [[], ["Connection: close"]])
def test_client_that_is_still_sending_is_let_finish_and_reads_the_early_answer(
    fields: list[str], client: Client
) -> None:
    client.send(post("/early", "Content-Length: 20000000", *fields))
    assert client.send_until_refused(b"x" * 1_000_000, 3) == 3
    assert client.answer().status == 401


def test_refused_client_that_is_still_sending_is_let_finish_and_reads_why(client: Client) -> None:
    client.send(b"POST / HTTP/1.1\r\n\r\n")
    assert client.send_until_refused(b"x" * 1_000_000, 3) == 3
    refusal(client, 400)


def test_connection_goes_on_after_an_early_answer_once_the_body_has_come(client: Client) -> None:
    client.send(post("/early", "Content-Length: 300000"))
    assert client.answer().status == 401
    client.send(b"x" * 300_000)
    fine(client, get("/"))


# Answers


def test_client_that_takes_nothing_is_cut_off(served: tuple[int, Echo], app: Echo) -> None:
    with Client(served[0], receive_buffer=4096) as client:
        client.send(get("/stream/100"))
        assert wait_for(app.gone)
        assert app.streamed < 100


@pytest.mark.slow
def test_client_that_takes_a_little_all_the_time_gets_everything(served: tuple[int, Echo], app: Echo) -> None:
    pause = threading.Event()
    with Client(served[0], receive_buffer=65536) as client:
        client.send(get("/stream/10", "Connection: close"))
        size = 0
        for _ in range(12):  # twice as long as a client may take nothing
            size += len(client.sock.recv(50_000))
            pause.wait(0.1)
        assert size + len(client.rest()) > 10 << 20


# The parts


def test_limits_travel_to_other_processes() -> None:
    protocol = pickle.loads(pickle.dumps(guard(LIMITS)))
    assert protocol.args == (LIMITS,)


def test_own_mistake_is_not_blamed_on_the_client() -> None:
    error = httptools.HttpParserCallbackError("the parser's words")
    error.__context__ = KeyError("a mistake")
    with pytest.raises(httptools.HttpParserCallbackError):
        _reason(error)


def test_refusal_is_what_a_json_parser_reads(client: Client) -> None:
    client.send(get("/" + "x" * 1000, 'X: "'))
    assert json.loads(client.answer().body)["errors"][0]["message"].startswith("the request target is longer than")


def test_sockets_of_refused_clients_are_closed_even_when_they_never_stop_sending(client: Client) -> None:
    client.send(b"GET / HTTP/0.1\r\n\r\n")
    assert client.answer().status == 400
    pause = threading.Event()
    while client.send_until_refused(b"x", 1):
        pause.wait(0.05)
    with pytest.raises(OSError):  # noqa: PT011  # whichever of a reset and a broken pipe comes first
        client.sock.sendall(b"x")
    assert client.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
