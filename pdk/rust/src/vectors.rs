//! The test vectors of the ABI, `abi/testdata/vectors`, which every kit passes.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use crate::codec::{Fields, Malformed, Texts, Writer};
use crate::generated::dispatch::{dispatch, OPERATORS};
use crate::guest::Guest;
use crate::host::native::with_host;
use crate::respond::{CONTINUE, ERROR, REFUSE, REPLY};
use crate::{code, Call, Error, Handshake, Json, Plugin, Result};

struct Vector {
    name: String,
    kind: String,
    operation: String,
    message: String,
    value: Json<'static>,
    bytes: Vec<u8>,
    decode_only: bool,
    error: Option<Malformed>,
}

fn read(file: &str) -> Vec<Vector> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../abi/testdata/vectors").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {}", path.display(), e));
    let list: Vec<Vector> = Json::raw(&text).items().map(|v| read_vector(&v)).collect();
    assert!(list.len() > 40, "{} has {} vectors", file, list.len());
    list
}

fn read_vector(v: &Json) -> Vector {
    let text = |name: &str| v.get(name).as_text().unwrap_or_default().into_owned();
    Vector {
        name: text("name"),
        kind: text("type"),
        operation: text("operation"),
        message: text("message"),
        value: v.get("value").into_owned(),
        bytes: from_hex(&text("hex")),
        decode_only: v.get("decodeOnly").as_bool().unwrap_or(false),
        error: match &*text("error") {
            "" => None,
            "truncated" => Some(Malformed::Truncated),
            "size" => Some(Malformed::Size),
            other => panic!("unknown error {}", other),
        },
    }
}

fn from_hex(digits: &str) -> Vec<u8> {
    let digit = |c: u8| (c as char).to_digit(16).expect("a hexadecimal digit") as u8;
    digits.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// Reads a text or bytes member: `null` is none, "hex:…" is hexadecimal.
fn bytes_of(v: &Json) -> Option<Vec<u8>> {
    let text = v.as_text()?;
    Some(text.strip_prefix("hex:").map_or_else(|| text.as_bytes().to_vec(), from_hex))
}

/// Reads an integer member: a number, or text beyond 2^53.
fn int_of(v: &Json) -> Option<i64> {
    v.as_int().or_else(|| v.as_text().map(|text| text.parse().expect("an integer")))
}

fn texts_of(v: &Json) -> Option<Vec<String>> {
    Some(v.as_texts()?.into_iter().map(String::from).collect())
}

/// The value of an operation's request, for the generated dispatch.
pub(crate) struct Given(Json<'static>);

impl Given {
    pub fn text(&self, name: &str) -> String {
        self.0.get(name).as_text().unwrap_or_default().into_owned()
    }

    pub fn json(&self, name: &str) -> Json<'static> {
        self.bytes(name).map_or(Json::NONE, Json::from_bytes)
    }

    pub fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        bytes_of(&self.0.get(name))
    }

    pub fn int(&self, name: &str) -> i64 {
        int_of(&self.0.get(name)).unwrap_or(0)
    }

    pub fn bool(&self, name: &str) -> bool {
        self.0.get(name).as_bool().unwrap_or(false)
    }

    pub fn texts(&self, name: &str) -> Option<GivenTexts> {
        texts_of(&self.0.get(name)).map(|list| GivenTexts(Box::leak(list.into_boxed_slice()).iter()))
    }
}

/// A list of a request; what it walks over stays for the test's length.
pub(crate) struct GivenTexts(std::slice::Iter<'static, String>);

impl Iterator for GivenTexts {
    type Item = &'static str;

    fn next(&mut self) -> Option<&'static str> {
        self.0.next().map(|text| &**text)
    }
}

/// A field of an operation's response.
#[derive(Debug, PartialEq)]
pub(crate) enum Got {
    Bytes(Option<Vec<u8>>),
    Text(String),
    Int(i64),
    Bool(bool),
    Texts(Vec<String>),
}

impl Got {
    /// Reads what is expected in a field of the same type.
    fn expected(&self, v: &Json) -> Got {
        match self {
            Got::Bytes(_) => Got::Bytes(bytes_of(v)),
            Got::Text(_) => Got::Text(v.as_text().unwrap_or_default().into_owned()),
            Got::Int(_) => Got::Int(int_of(v).unwrap_or(0)),
            Got::Bool(_) => Got::Bool(v.as_bool().unwrap_or(false)),
            Got::Texts(_) => Got::Texts(texts_of(v).unwrap_or_default()),
        }
    }
}

impl From<Json<'static>> for Got {
    fn from(v: Json<'static>) -> Self {
        Got::Bytes(v.bytes().map(<[u8]>::to_vec))
    }
}

impl From<Option<Vec<u8>>> for Got {
    fn from(v: Option<Vec<u8>>) -> Self {
        Got::Bytes(v)
    }
}

impl From<String> for Got {
    fn from(v: String) -> Self {
        Got::Text(v)
    }
}

impl From<i64> for Got {
    fn from(v: i64) -> Self {
        Got::Int(v)
    }
}

impl From<bool> for Got {
    fn from(v: bool) -> Self {
        Got::Bool(v)
    }
}

impl From<Vec<String>> for Got {
    fn from(v: Vec<String>) -> Self {
        Got::Texts(v)
    }
}

#[test]
fn codec() {
    for v in read("codec.json") {
        let (mut f, mut m) = (Fields::new(&v.bytes), Writer::default());
        for field in v.value.items() {
            let value = field.get("value");
            match &*field.get("type").as_text().unwrap() {
                "int" => check(&v, f.int(), int_of(&value), |v| match v {
                    Some(v) => m.int(v),
                    None => m.absent(),
                }),
                "bool" => check(&v, f.bool(), value.as_bool().unwrap_or(false), |v| m.bool(v)),
                "string" => check(&v, f.text().as_bytes().to_vec(), bytes_of(&value).unwrap_or_default(), |v| m.bytes(Some(&v))),
                "bytes" => check(&v, f.bytes().map(<[u8]>::to_vec), bytes_of(&value), |v| m.bytes(v.as_deref())),
                "strings" => {
                    let got = f.texts().map(|list| list.into_iter().map(String::from).collect());
                    check(&v, got, texts_of(&value), |list: Option<Vec<String>>| {
                        m.texts(list.as_ref().map(|list| list.iter().map(|s| &**s)).as_mut().map(|list| list as _));
                    });
                }
                other => panic!("{}: unknown type {}", v.name, other),
            }
        }
        assert_eq!(f.malformed, v.error, "{}", v.name);
        assert!(v.decode_only || v.error.is_some() || m.as_bytes() == v.bytes, "{}: encoded as {:x?}", v.name, m.as_bytes());
    }
}

/// Compares what was read, and writes it. Of a malformed message the values are
/// left out.
fn check<T: PartialEq + std::fmt::Debug>(v: &Vector, got: T, want: T, write: impl FnOnce(T)) {
    if v.error.is_none() {
        assert_eq!(got, want, "{}", v.name);
        write(want);
    }
}

/// Lets each operation make the calls of the vectors, and read their answers.
#[test]
fn operations() {
    let all = read("operations.json");
    for v in all.iter().filter(|v| !OPERATORS.contains(&&*v.operation)) {
        let is_request = v.message == "request";
        let counterpart = all.iter().find(|o| o.operation == v.operation && (o.message == "request") != is_request).expect("a counterpart");
        let (request, response) = if is_request { (v, counterpart) } else { (counterpart, v) };
        let asked: Rc<RefCell<Vec<u8>>> = Rc::default();
        let (heard, operation, answer) = (asked.clone(), v.operation.clone(), response.bytes.clone());
        let host = Rc::new(move |name: &str, arguments: &[u8]| {
            assert_eq!(name, operation);
            *heard.borrow_mut() = arguments.to_vec();
            (0, answer.clone())
        });
        let got = with_host(host, || dispatch(&v.operation, &Given(request.value.clone()))).unwrap_or_else(|e| panic!("{}: {}", v.name, e));
        assert!(request.decode_only || *asked.borrow() == request.bytes, "{}: asked with {:x?}", v.name, asked.borrow());
        for (name, got) in got {
            assert_eq!(got, got.expected(&response.value.get(name)), "{}: {}", v.name, name);
        }
    }
}

#[test]
fn an_operation_that_fails() {
    let failure = Error::new(code::CONFLICT, "no").with_data(Json::raw(r#"{"version":4}"#));
    let mut m = Writer::default();
    failure.encode(&mut m);
    let host = Rc::new(move |_: &str, _: &[u8]| (8, m.as_bytes().to_vec()));
    let e = with_host(host, || crate::records::set("a", 1)).unwrap_err();
    assert_eq!(e, failure);
    assert_eq!(e.conflict().unwrap().version, 4);
    assert_eq!(crate::kv::get("a").unwrap_err().code, code::SERVER, "without a host");
}

fn guest(setup: impl Fn(&mut Plugin)) -> Guest {
    let mut guest = Guest::default();
    guest.register(&|p: &mut Plugin| -> Result<()> {
        setup(p);
        Ok(())
    });
    guest
}

fn send(guest: &mut Guest, request: &[u8]) -> Vec<u8> {
    guest.alloc(request.len()).unwrap()[..request.len()].copy_from_slice(request);
    guest.respond(0, request.len()).to_vec()
}

/// A request with nothing but a detail.
fn detailed(kind: i64, detail: &[u8]) -> Vec<u8> {
    let mut m = Writer::default();
    m.int(kind);
    (0..6).for_each(|_| m.absent());
    m.bytes(Some(detail));
    m.0
}

#[test]
fn messages() {
    for v in read("messages.json") {
        match &*v.kind {
            "Request" => check_request(&v),
            "Response" => check_response(&v),
            "Error" => check_error(&v),
            "Handshake" => check_handshake(&v),
            "Departure" => check_departure(&v),
            "Access" => check_access(&v),
            "RoomChange" => check_room_change(&v),
            "RecordChange" => check_record_change(&v),
            other => panic!("the kit has no check for the type {}", other),
        }
    }
}

/// A malformed field, and all behind it, reads as none: the host sends no such
/// request.
fn check_request(v: &Vector) {
    let seen: Rc<RefCell<Vec<Option<Vec<u8>>>>> = Rc::default();
    let into = seen.clone();
    let mut g = guest(move |p| {
        let into = into.clone();
        p.command("x", move |c: &Call| {
            let json = |j: Json| j.bytes().map(<[u8]>::to_vec);
            let text = |s: &str| Some(s.as_bytes().to_vec());
            let detail = Some(c.detail().to_vec());
            *into.borrow_mut() =
                vec![text(c.name()), text(c.connection_id()), text(c.user()), json(c.metadata()), json(c.locals()), json(c.payload()), detail];
            Ok(Json::NONE)
        });
    });
    send(&mut g, &v.bytes);
    let seen = seen.borrow();
    if v.error.is_some() {
        assert_eq!(seen[5], None, "{}", v.name);
        return;
    }
    for (i, name) in ["name", "connectionId", "user", "metadata", "locals", "payload", "detail"].iter().enumerate() {
        let mut want = bytes_of(&v.value.get(name));
        if !(3..6).contains(&i) {
            want = want.or_else(|| Some(vec![]));
        }
        assert_eq!(seen[i], want, "{}: {}", v.name, name);
    }
}

/// Lets middleware say what the vector says: it can say all that a response
/// holds. The kit may leave absent fields at the end out, so it is what the host
/// reads that is compared.
fn check_response(v: &Vector) {
    if v.error.is_some() || v.decode_only {
        return; // the kit decodes no responses
    }
    let member = |name: &str| bytes_of(&v.value.get(name));
    let (status, body, locals) = (int_of(&v.value.get("status")).unwrap(), member("body"), member("locals"));
    let (given_body, given_locals) = (body.clone(), locals.clone());
    let mut g = guest(move |p| {
        let value = |bytes: &Option<Vec<u8>>| bytes.clone().map_or(Json::NONE, Json::from_bytes);
        let (body, locals) = (value(&given_body), value(&given_locals));
        if status == REFUSE {
            return p.guard("y", move |_| Err(Error::decode(body.as_bytes())));
        }
        p.middleware("x", move |c| {
            c.set_locals(&locals);
            match status {
                REPLY => c.reply(&body),
                CONTINUE => c.set_payload(&body),
                ERROR => return Err(Error::decode(body.as_bytes())),
                _ => panic!("unknown status {}", status),
            }
            Ok(())
        });
    });
    let response = send(&mut g, &[]);
    let mut f = Fields::new(&response);
    assert_eq!(f.int(), Some(status), "{}", v.name);
    let got = f.bytes().map(<[u8]>::to_vec);
    if body.is_some() || status != REFUSE {
        assert_eq!(got, body, "{}", v.name); // the kit always gives a reason
    }
    assert_eq!(f.bytes().map(<[u8]>::to_vec), locals, "{}", v.name);
    assert_eq!(f.malformed, None, "{}", v.name);
}

fn check_error(v: &Vector) {
    let got = Error::decode(&v.bytes);
    if v.error.is_some() {
        assert_eq!(got.code, code::SERVER, "{}", v.name);
        return;
    }
    let text = |name: &str| v.value.get(name).as_text().unwrap_or_default().into_owned();
    let mut want = Error {
        code: text("code"),
        name: text("name"),
        message: text("message"),
        data: bytes_of(&v.value.get("data")).map_or(Json::NONE, Json::from_bytes),
        http: int_of(&v.value.get("http")).unwrap_or(0) as u16,
    };
    if !v.decode_only {
        let mut m = Writer::default();
        want.encode(&mut m);
        assert_eq!(m.as_bytes(), v.bytes, "{}", v.name);
    }
    if want.code.is_empty() {
        want.code = code::SERVER.to_string();
    }
    assert_eq!(got, want, "{}", v.name);
}

fn check_handshake(v: &Vector) {
    let got = Handshake::decode(&v.bytes);
    if v.error.is_some() {
        assert!(got.headers.is_empty(), "{}: {:?}", v.name, got);
        return;
    }
    for (name, got) in [("method", got.method), ("path", got.path), ("query", got.query), ("remoteAddress", got.remote_address)] {
        assert_eq!(Some(got), v.value.get(name).as_text().as_deref(), "{}: {}", v.name, name);
    }
    let headers: Vec<String> = got.headers.iter().flat_map(|(k, v)| [k.to_string(), v.to_string()]).collect();
    assert_eq!(Some(headers), texts_of(&v.value.get("headers")), "{}", v.name);
}

/// Runs a hook on a detail and returns what it has seen.
fn seen_by(kind: i64, detail: &[u8], setup: impl Fn(&mut Plugin, Rc<RefCell<Vec<String>>>)) -> Vec<String> {
    let seen: Rc<RefCell<Vec<String>>> = Rc::default();
    let mut g = guest(|p| setup(p, seen.clone()));
    send(&mut g, &detailed(kind, detail));
    let seen = seen.borrow();
    seen.clone()
}

/// Returns the members of the vector's value as text; what is absent is "".
fn expected(v: &Vector, names: &[&str]) -> Vec<String> {
    let text = |v: Json| v.as_text().map_or_else(|| if v.is_null() { String::new() } else { v.to_string() }, |t| t.into_owned());
    names.iter().map(|name| text(v.value.get(name))).collect()
}

fn check_departure(v: &Vector) {
    let got = seen_by(6, &v.bytes, |p, seen| {
        p.on_disconnect(move |d| {
            *seen.borrow_mut() = vec![d.code.to_string(), d.reason.to_string()];
            Ok(())
        });
    });
    assert_eq!(got, expected(v, &["code", "reason"]), "{}", v.name);
}

/// A field of an access that is malformed reads as none.
fn check_access(v: &Vector) {
    let got = seen_by(3, &v.bytes, |p, seen| {
        p.guard("x", move |c| {
            *seen.borrow_mut() = vec![c.topic().to_string(), c.action().to_string(), c.strategy().to_string()];
            Ok(())
        });
    });
    match &*v.name {
        "access cut off in its action" => assert_eq!(got, ["channel", "", ""]),
        "access cut off in its strategy" => assert_eq!(got, ["record", "write", ""]),
        _ => assert_eq!(got, expected(v, &["topic", "action", "strategy"]), "{}", v.name),
    }
}

fn check_room_change(v: &Vector) {
    let got = seen_by(8, &v.bytes, |p, seen| {
        p.on_join(move |c| {
            *seen.borrow_mut() = vec![c.room.to_string(), c.reason.to_string()];
            Ok(())
        });
    });
    assert_eq!(got, expected(v, &["room", "reason"]), "{}", v.name);
}

fn check_record_change(v: &Vector) {
    let got = seen_by(12, &v.bytes, |p, seen| {
        p.on_record_removed(move |c| {
            let texts = [c.record_id, c.epoch, c.reason].map(String::from);
            *seen.borrow_mut() = texts.into_iter().chain([c.version.to_string()]).collect();
            Ok(())
        });
    });
    if v.error.is_some() {
        assert_eq!(got[..3], ["n", "", ""], "{}", v.name); // what is malformed, and all behind it, reads as none
        return;
    }
    assert_eq!(got, expected(v, &["recordId", "epoch", "reason", "version"]), "{}", v.name);
}

/// The lists of the generated dispatch are what the codec takes.
#[test]
fn given_lists() {
    let given = Given(Json::raw(r#"{"a":["x","y"],"b":null}"#));
    assert!(given.texts("b").is_none());
    let mut list = given.texts("a");
    let texts: Texts = list.as_mut().map(|list| list as _);
    assert_eq!(texts.unwrap().collect::<Vec<_>>(), ["x", "y"]);
}
