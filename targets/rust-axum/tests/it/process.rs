//! The built program over a socket: what only a process with a connection can show.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    path::PathBuf,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::{Answer, MESSAGE, table, token, variables, write_json};

const DEADLINE: Duration = Duration::from_secs(20);

struct Service {
    child: Child,
    stderr: BufReader<ChildStderr>,
    address: String,
    routes_file: PathBuf,
}

impl Service {
    fn start(changes: &[(&'static str, &str)]) -> Self {
        let variables = variables(changes);
        let mut child = command(&variables).spawn().expect("the program starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.strip_prefix("listening on ").expect("it says where it listens");
        let routes_file = variables.iter().find(|(name, _)| *name == "ROUTES_FILE").unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let address = address.trim().to_owned();
        Self { child, stderr, address, routes_file: (&routes_file.1).into() }
    }

    fn connect(&self) -> Connection {
        let stream = TcpStream::connect(&self.address).expect("it accepts");
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Connection(BufReader::new(stream))
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(name).arg(self.child.id().to_string()).status();
        assert!(sent.expect("kill can be run").success());
    }

    fn info(&self, member: &str) -> Value {
        let mut connection = self.connect();
        connection.send("GET /info HTTP/1.1\r\nhost: x\r\n\r\n");
        connection.answer().json()[member].take()
    }

    fn stderr_line(&mut self) -> String {
        let mut line = String::new();
        self.stderr.read_line(&mut line).unwrap();
        line
    }

    /// Waits for the end; answers the exit status and what is left of standard error.
    fn end(&mut self) -> (ExitStatus, String) {
        let status = until("it ends", || self.child.try_wait().unwrap());
        let mut text = String::new();
        self.stderr.read_to_string(&mut text).unwrap();
        (status, text)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Only what a failed test left behind; a program that has ended cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(variables: &[(&'static str, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_service"));
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(start.elapsed() < DEADLINE, "not in time: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

struct Connection(BufReader<TcpStream>);

impl Connection {
    fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).expect("the connection takes the request");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("an answer comes");
        assert!(line.ends_with("\r\n"), "the connection ended at {line:?}");
        line.trim_end().to_owned()
    }

    fn answer(&mut self) -> Answer {
        let status = self.line().split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_owned(), value.to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        let length = answer.header("content-length").map_or(0, |text| text.parse().unwrap());
        answer.body.resize(length, 0);
        self.0.read_exact(&mut answer.body).expect("the answer is whole");
        answer
    }

    fn is_closed(&mut self) -> bool {
        self.0.fill_buf().is_ok_and(<[u8]>::is_empty)
    }
}

fn head(token: &str, more: &str) -> String {
    format!(
        "POST /v1/messages/orders.created HTTP/1.1\r\nHost: x\r\nAUTHORIZATION: bearer {token}\r\n\
         content-TYPE: Application/JSON; charset=utf-8\r\n{more}\r\n"
    )
}

fn message(token: &str) -> String {
    head(token, &format!("Content-Length: {}\r\n", MESSAGE.len())) + MESSAGE
}

#[test]
fn pipelined_and_chunked_requests_are_answered_in_order() {
    for cpus in ["1", "2"] {
        let service = Service::start(&[("CPUS", cpus)]);
        let mut connection = service.connect();
        let token = token();
        let (start, end) = MESSAGE.split_at(10);
        let chunks = format!("a\r\n{start}\r\n{:x}\r\n{end}\r\n0\r\n\r\n", end.len());
        let chunked = head(&token, "Transfer-Encoding: chunked\r\n") + &chunks;
        connection.send(&(message(&token) + &message("bad") + &chunked + &message(&token)));
        let statuses = [(); 4].map(|()| connection.answer().status);
        assert_eq!(statuses, [200, 401, 200, 200], "CPUS={cpus}");
        assert_eq!(service.info("messages_answered"), 4);
        assert_eq!(service.info("workers").to_string(), cpus);
    }
}

#[test]
fn a_refused_body_that_comes_late_does_not_spoil_the_connection() {
    let service = Service::start(&[]);
    let mut connection = service.connect();
    connection.send(&head("bad", "Content-Length: 5\r\n"));
    assert_eq!(connection.answer().status, 401);
    connection.send("01234");
    connection.send(&message(&token()));
    assert_eq!(connection.answer().status, 200);
}

#[test]
fn a_caller_that_expects_100_continue_is_told_first() {
    let service = Service::start(&[]);
    let expect = format!("Content-Length: {}\r\nExpect: 100-continue\r\n", MESSAGE.len());
    let mut connection = service.connect();
    connection.send(&head(&token(), &expect));
    assert_eq!(connection.answer().status, 100);
    connection.send(MESSAGE);
    assert_eq!(connection.answer().status, 200);
    connection.send(&head("bad", &expect));
    let refused = connection.answer();
    assert_eq!((refused.status, refused.header("connection")), (401, Some("close")));
    assert!(connection.is_closed());
}

#[test]
fn too_large_a_body_is_refused_before_it_has_come() {
    let service = Service::start(&[("MAX_BODY_BYTES", "100")]);
    let mut connection = service.connect();
    connection.send(&head(&token(), "Content-Length: 101\r\n"));
    assert_eq!(connection.answer().status, 413);
    let mut connection = service.connect();
    connection.send(&head(&token(), "Transfer-Encoding: chunked\r\n"));
    connection.send(&format!("65\r\n{}\r\n", "x".repeat(101)));
    assert_eq!(connection.answer().status, 413);
}

#[test]
fn a_caller_may_stop_sending_and_still_be_answered() {
    let service = Service::start(&[("BACKEND_DELAY_MS", "50")]);
    let mut connection = service.connect();
    connection.send(&message(&token()));
    connection.0.get_ref().shutdown(Shutdown::Write).unwrap();
    assert_eq!(connection.answer().status, 200);
}

#[test]
fn a_head_of_32_kb_is_read() {
    let service = Service::start(&[]);
    let mut connection = service.connect();
    let filler = format!("X-Filler: {}\r\n", "f".repeat(32_000));
    let length = format!("Content-Length: {}\r\n", MESSAGE.len());
    connection.send(&(head(&token(), &(filler + &length)) + MESSAGE));
    assert_eq!(connection.answer().status, 200);
}

#[test]
fn the_table_follows_a_hang_up_and_a_replaced_file() {
    let mut service = Service::start(&[]);
    write_json(&service.routes_file, &table(2));
    service.signal("-HUP");
    until("the hang-up is followed", || (service.info("table_version") == 2).then_some(()));
    let new = service.routes_file.with_extension("new");
    write_json(&new, &table(3));
    fs::rename(&new, &service.routes_file).unwrap();
    until("the new file is seen", || (service.info("table_version") == 3).then_some(()));
    fs::write(&new, "{}").unwrap();
    fs::rename(&new, &service.routes_file).unwrap();
    let line = service.stderr_line();
    assert!(line.starts_with("ROUTES_FILE=") && line.contains("missing field"), "{line}");
    let mut connection = service.connect();
    connection.send(&message(&token()));
    assert_eq!(connection.answer().json()["route"]["table_version"], 3);
    service.signal("-TERM");
    let (status, rest) = service.end();
    assert_eq!((status.code(), rest.as_str()), (Some(0), ""));
}

#[test]
fn what_is_in_flight_is_finished_before_the_end() {
    for (signal, cpus) in [("-TERM", "1"), ("-INT", "2")] {
        let mut service = Service::start(&[("BACKEND_DELAY_MS", "400"), ("CPUS", cpus)]);
        // What has not sent anything yet is closed too: waiting for it would show on standard error.
        let mut unused = service.connect();
        let (mut idle, mut busy) = (service.connect(), service.connect());
        idle.send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
        assert_eq!(idle.answer().json()["status"], "ok");
        // A first answer shows that the connection is accepted, and the second request then is in its wait.
        busy.send(&(message(&token()) + &message(&token())));
        assert_eq!(busy.answer().status, 200);
        service.signal(signal);
        assert_eq!(busy.answer().status, 200);
        assert!(busy.is_closed() && idle.is_closed() && unused.is_closed());
        let (status, stderr) = service.end();
        assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));
        assert!(TcpStream::connect(&service.address).is_err());
    }
}

#[test]
fn what_it_cannot_be_configured_to_it_says_on_one_line() {
    let taken = Service::start(&[]);
    let port = taken.address.rsplit(':').next().unwrap();
    let bad = [
        ("CPUS", "0"),
        ("ROUTES_FILE", "missing.json"),
        ("AUTH_KEYS_FILE", "Cargo.toml"),
        ("PORT", port),
    ];
    for (variable, value) in bad {
        let output = command(&variables(&[(variable, value)])).output().unwrap();
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert!(line.contains(variable) && line.contains(value), "{line}");
        assert_eq!((line.lines().count(), output.stdout.len()), (1, 0), "{line}");
    }
}
