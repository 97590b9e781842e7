use crate::codec::Writer;
use crate::document::Document;
use crate::respond::ERROR;
use crate::{array, object, Call, Json, MiddlewareCall, ObjectBuilder, Reply, Result};

pub(crate) enum Handler {
    Command(Box<dyn for<'a> Fn(&'a Call) -> Reply<'a>>),
    /// Something else that encodes its own response.
    Other(Box<dyn Fn(&Call, &mut Writer)>),
}

/// What a plugin registers: its name and its handlers. It is filled by the
/// set-up function that [`plugin!`](crate::plugin!) names.
///
/// Handlers are numbered in the order of their registration, and every instance
/// of the plugin runs the set-up function anew: it must register the same things
/// in the same order each time. It may read [`config`](fn@crate::config), and move
/// what it has read into closures: a handler is any `Fn`. An instance runs one
/// call at a time on one thread, so state may be in a `Cell`, a `RefCell` or a
/// `thread_local!`; it belongs to the one instance, and lasts as long as that.
///
/// Methods that register something return it, so that more can be said of it:
///
/// ```
/// # use mesh_pdk::{Call, Json, Plugin, Reply, Result, HOUR};
/// # fn post(c: &Call) -> Reply<'_> { Ok(c.payload()) }
/// fn setup(p: &mut Plugin) -> Result<()> {
///     p.name("chat");
///     p.command("post", post).concurrent();
///     p.channel("/^chat:.+$/").publishable().history(100).history_ttl(HOUR);
///     Ok(())
/// }
/// ```
#[derive(Default)]
pub struct Plugin {
    pub(crate) document: Document,
    pub(crate) handlers: Vec<Handler>,
}

impl Plugin {
    /// Sets the plugin's name: letters, digits, '-' and '_', at most 64 bytes.
    /// Without one it is that of its file, less a language suffix.
    pub fn name(&mut self, name: &str) {
        self.document.name = name.to_string();
    }

    /// Sets the version that the host shows; it means nothing to it.
    pub fn version(&mut self, version: &str) {
        self.document.version = version.to_string();
    }

    /// Sorts this plugin's global middleware and authenticate hooks among those
    /// of all plugins, where they state no order of their own, and its exposures:
    /// lower comes first, equal ones by file name. Default 0.
    pub fn order(&mut self, order: i64) {
        self.document.order = order;
    }

    /// Describes the plugin's settings to its operator, as a JSON Schema.
    pub fn config_schema<'a>(&mut self, schema: impl Into<Json<'a>>) {
        self.document.schema = schema.into().into_owned();
    }

    /// Says that the plugin uses an operation or a family of them, such as
    /// "kv", and what for. Its operator reads the reason.
    pub fn capability(&mut self, name: &str, reason: &str) {
        self.document.capabilities.push(object().text("name", name).text("reason", reason));
    }

    /// Registers a command.
    pub fn command<F>(&mut self, name: &str, run: F) -> Command<'_>
    where
        F: for<'a> Fn(&'a Call) -> Reply<'a> + 'static,
    {
        let number = self.add(Handler::Command(Box::new(run)));
        Command(entry(&mut self.document.commands, object().text("name", name).int("handler", number)))
    }

    /// Registers a middleware: a [`global`](Middleware::global) one runs before
    /// every command of every plugin and before the built-in ones; another one
    /// runs before the commands that name it with [`using`](Command::using).
    pub fn middleware<F>(&mut self, name: &str, run: F) -> Middleware<'_>
    where
        F: Fn(&MiddlewareCall) -> Result<()> + 'static,
    {
        let number = self.other(move |c, out| {
            let call = MiddlewareCall::new(c);
            match run(&call) {
                Ok(()) => call.respond(out),
                Err(e) => out.failure(ERROR, &e),
            }
        });
        Middleware(entry(&mut self.document.middleware, object().text("name", name).int("handler", number)))
    }

    /// Appends a handler that encodes its own response.
    pub(crate) fn other(&mut self, run: impl Fn(&Call, &mut Writer) + 'static) -> i64 {
        self.add(Handler::Other(Box::new(run)))
    }

    fn add(&mut self, handler: Handler) -> i64 {
        self.handlers.push(handler);
        self.handlers.len() as i64 - 1
    }

    pub(crate) fn document(&self) -> Json<'static> {
        self.document.json()
    }
}

/// Appends an entry and returns where it stands, for what is said of it later.
pub(crate) fn entry(list: &mut Vec<ObjectBuilder>, o: ObjectBuilder) -> Entry<'_> {
    let at = list.len();
    list.push(o);
    Entry(&mut list[at])
}

/// An entry of the registration document that may still get members.
pub(crate) struct Entry<'a>(&'a mut ObjectBuilder);

impl Entry<'_> {
    pub fn with(self, add: impl FnOnce(ObjectBuilder) -> ObjectBuilder) -> Self {
        let o = std::mem::replace(self.0, object());
        *self.0 = add(o);
        self
    }
}

/// A command that has been registered.
pub struct Command<'a>(Entry<'a>);

impl Command<'_> {
    /// Lets the command start on arrival, beside others of its session; without
    /// it the commands of one session run one after another.
    pub fn concurrent(self) -> Self {
        Command(self.0.with(|o| o.bool("concurrent", true)))
    }

    /// Names the plugin's own middleware that runs before the command, in this
    /// order, after the global ones.
    pub fn using<S: AsRef<str>>(self, middleware: &[S]) -> Self {
        Command(self.0.with(|o| o.texts("middleware", middleware)))
    }
}

/// A middleware that has been registered.
pub struct Middleware<'a>(Entry<'a>);

impl Middleware<'_> {
    /// Lets it run before every command of every plugin, and before the built-in
    /// commands.
    pub fn global(self) -> Self {
        Middleware(self.0.with(|o| o.bool("global", true)))
    }

    /// Sorts a global one among those of all plugins: lower runs first, equal
    /// ones by file name. Without one the plugin's own order counts.
    pub fn order(self, order: i64) -> Self {
        Middleware(self.0.with(|o| o.int("order", order)))
    }
}

pub(crate) fn list(entries: &[ObjectBuilder]) -> Json<'static> {
    entries.iter().fold(array(), |a, o| a.raw(o.clone())).json()
}
